// SPDX-License-Identifier: Apache-2.0
// Operators that cut maps and join them.
#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/network/limits.hpp"
#include "simulator/network/onnx/onnx_operators.hpp"

namespace tilewake {
namespace {

/// A piece of a factor that is the outermost of the channels, all rows, or all columns.
std::optional<Layer> cut_layer(const Shape& map, const OnnxFactor& factor, const OnnxPiece& piece) {
  const std::int64_t pixels = map.height * map.width;
  const std::int64_t size = piece.size();
  Layer layer;
  layer.op = Op::kSlice;
  layer.ofm = map;
  if (factor.stride >= pixels && factor.size * factor.stride == map.num_elements() &&
      piece.step == 1) {
    layer.op = Op::kChannelSplit;
    layer.first_channel = piece.begin * (factor.stride / pixels);
    layer.ofm.channels = size * (factor.stride / pixels);
    return layer;
  }
  if (factor == OnnxFactor{map.height, map.width}) {
    layer.padding.top = -piece.begin;
    layer.stride.height = size > 1 ? piece.step : 1;
    layer.ofm.height = size;
    return layer;
  }
  if (factor == OnnxFactor{map.width, 1}) {
    layer.padding.left = -piece.begin;
    layer.stride.width = size > 1 ? piece.step : 1;
    layer.ofm.width = size;
    return layer;
  }
  return std::nullopt;
}

OnnxValue cut(OnnxValues& values, const OnnxNode& node, const OnnxValue& map,
              const OnnxFactor& factor, const OnnxPiece& piece, Layer layer, std::size_t output) {
  const OnnxView view = resized(map.view, factor, piece.size());
  return values.make_layer(node, std::move(layer), {map}, PaddingRule::valid(), view, output);
}

/// The dim as one factor of its own: outermost of the channels, or all rows.
OnnxValue isolated(OnnxValues& values, const OnnxNode& node, const OnnxValue& map, std::size_t axis,
                   bool as_rows) {
  const Shape& shape = values.shape_of(map);
  const OnnxView view = split_at_edges(map.view, shape);
  OnnxDim channels;
  OnnxDim pixels;
  for (std::size_t i = 0; i < view.size(); ++i) {
    if (i == axis) continue;
    for (const OnnxFactor& factor : view[i]) {
      append(factor.stride >= shape.height * shape.width ? channels : pixels, factor);
    }
  }
  const bool is_in_channels = std::all_of(view[axis].begin(), view[axis].end(), [&](const auto& f) {
    return f.stride >= shape.height * shape.width;
  });
  if (is_in_channels && !as_rows) {
    return values.arranged(node, map, joined({view[axis], channels}), pixels);
  }
  return values.arranged(node, map, channels, view[axis], pixels);
}

/// Bounds count from the end where they are negative, and reach no further than the dimension.
OnnxPiece bounded_piece(std::int64_t begin, std::int64_t end, std::int64_t step,
                        std::int64_t size) {
  const auto bound = [size](std::int64_t index) {
    return std::clamp<std::int64_t>(index < 0 ? index + size : index, 0, size);
  };
  OnnxPiece piece = {bound(begin), bound(end), step};
  if (piece.begin >= piece.end) throw InputError("takes no elements");
  return piece;
}

void define_piece(OnnxValues& values, const OnnxNode& node, const OnnxValue& x, OnnxValue piece,
                  std::size_t output) {
  if (piece.layer == x.layer) piece.is_exclusive = false;
  values.define(node.outputs.at(output), std::move(piece));
}

/// Pieces of several axes of an image, in one layer.
void define_window(OnnxValues& values, const OnnxNode& node, const OnnxValue& x,
                   const std::vector<OnnxPiece>& pieces) {
  Layer layer;
  layer.op = Op::kSlice;
  layer.first_channel = pieces[1].begin;
  layer.padding.top = -pieces[2].begin;
  layer.padding.left = -pieces[3].begin;
  layer.stride = {std::min(pieces[2].step, kMaxDimension), std::min(pieces[3].step, kMaxDimension)};
  layer.ofm = {pieces[1].size(), pieces[2].size(), pieces[3].size()};
  values.define_layer(node, std::move(layer), {x});
}

void slice_map(OnnxValues& values, const OnnxNode& node, const std::vector<OnnxPiece>& slices,
               const std::vector<std::int64_t>& axes) {
  const OnnxValue x = values.map(node, 0);
  std::vector<OnnxPiece> pieces;
  for (const std::int64_t dim : x.dims) pieces.push_back({0, dim, 1});
  for (std::size_t i = 0; i < slices.size(); ++i) {
    const std::size_t axis = axis_of(axes[i], x.dims.size());
    if (slices[i].step < 1) throw InputError(fmt::format("takes steps of {}", slices[i].step));
    pieces[axis] = bounded_piece(slices[i].begin, slices[i].end, slices[i].step, x.dims[axis]);
  }
  const auto num_cut = std::count_if(pieces.begin(), pieces.end(), [&](const OnnxPiece& piece) {
    return !piece.is_whole(x.dims[static_cast<std::size_t>(&piece - pieces.data())]);
  });
  const bool is_image = x.view == view_of(values.shape_of(x)) && pieces[1].step == 1;
  if (is_image && (num_cut > 1 || has_hint(node, Op::kSlice))) {
    return define_window(values, node, x, pieces);
  }
  if (is_image && num_cut == 0 && has_hint(node, Op::kChannelSplit)) {
    Layer layer;
    layer.op = Op::kChannelSplit;
    layer.ofm.channels = x.dims[1];
    return values.define_layer(node, std::move(layer), {x});
  }
  if (num_cut == 0) return values.define_same(node, x);
  OnnxValue result = x;
  for (std::size_t axis = 0; axis < pieces.size(); ++axis) {
    result = piece_of(values, node, result, axis, pieces[axis]);
  }
  values.define(node.outputs.at(0), std::move(result));
}

void read_slice(OnnxValues& values, const OnnxNode& node) {
  const auto begins = integers_of_node(values, node, "starts", 1);
  const auto ends = integers_of_node(values, node, "ends", 2);
  const auto given_axes = integers_of_node(values, node, "axes", 3);
  const auto steps = integers_of_node(values, node, "steps", 4);
  if (!begins || !ends || begins->size() != ends->size()) {
    throw InputError("must have as many starts as ends");
  }
  if ((given_axes && given_axes->size() != begins->size()) ||
      (steps && steps->size() != begins->size())) {
    throw InputError("must have as many axes and steps as starts");
  }
  std::vector<OnnxPiece> slices;
  std::vector<std::int64_t> axes;
  std::vector<bool> is_cut(values.dims(node, 0).size(), false);
  for (std::size_t i = 0; i < begins->size(); ++i) {
    slices.push_back({(*begins)[i], (*ends)[i], steps ? (*steps)[i] : 1});
    axes.push_back(given_axes ? (*given_axes)[i] : static_cast<std::int64_t>(i));
    const std::size_t axis = axis_of(axes.back(), is_cut.size());
    if (is_cut[axis]) throw InputError(fmt::format("cuts axis {} twice", axes.back()));
    is_cut[axis] = true;
  }
  if (!values.is_constant(node, 0)) return slice_map(values, node, slices, axes);
  OnnxConstant result = values.constant(node, 0);
  for (std::size_t i = 0; i < slices.size(); ++i) {
    result = onnx_fold::slice(result, slices[i].begin, slices[i].end, axes[i], slices[i].step);
  }
  values.define_constant(node, std::move(result));
}

/// Sizes of the parts along an axis of `whole`: given, or equal, or equal but for the last.
std::vector<std::int64_t> part_sizes(OnnxValues& values, const OnnxNode& node, std::int64_t whole) {
  const auto num_outputs = static_cast<std::int64_t>(node.outputs.size());
  std::optional<std::vector<std::int64_t>> given;
  if (OnnxValues::has_input(node, 1)) {
    given = integers_in(values.constant(node, 1), kMaxTensorValues);
  } else {
    given = integers_attribute(node, "split");
  }
  if (!given) {
    const bool may_differ = node.find("num_outputs") != nullptr;
    const std::int64_t stated = integer_attribute(node, "num_outputs", num_outputs);
    if (stated != num_outputs) {
      throw InputError(fmt::format("has num_outputs {} and {} outputs", stated, num_outputs));
    }
    const std::int64_t size = num_outputs == 0 ? 0 : (whole + num_outputs - 1) / num_outputs;
    if (num_outputs == 0 || (!may_differ && whole % num_outputs != 0) ||
        size * (num_outputs - 1) >= whole) {
      throw InputError(fmt::format("cuts {} into {} equal parts", whole, num_outputs));
    }
    std::vector<std::int64_t> sizes(node.outputs.size(), size);
    sizes.back() = whole - size * (num_outputs - 1);
    return sizes;
  }
  if (node.find("has_rest") != nullptr) {  // of TensorFlow Lite: the size -1 is what is left
    std::int64_t rest = whole;
    for (const std::int64_t size : *given) {
      if (size > 0) rest -= std::min(size, rest);
    }
    std::replace(given->begin(), given->end(), std::int64_t{-1}, rest);
  }
  const bool all_positive = std::all_of(given->begin(), given->end(),
                                        [&](auto size) { return size > 0 && size <= whole; });
  if (given->size() != node.outputs.size() || !all_positive ||
      std::accumulate(given->begin(), given->end(), std::int64_t{0}) != whole) {
    throw InputError(
        fmt::format("has {} sizes for {} outputs that do not add up to the {} there are",
                    given->size(), num_outputs, whole));
  }
  return *given;
}

/// One piece for every output that somebody reads.
void read_split(OnnxValues& values, const OnnxNode& node) {
  const Dims dims = values.dims(node, 0);
  const std::size_t axis = axis_of(integer_attribute(node, "axis", 0), dims.size());
  const std::vector<std::int64_t> sizes = part_sizes(values, node, dims[axis]);
  OnnxPiece piece;
  if (values.is_constant(node, 0)) {
    const OnnxConstant whole = values.constant(node, 0);
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      piece = {piece.end, piece.end + sizes[i]};
      values.define_constant(
          node, onnx_fold::slice(whole, piece.begin, piece.end, static_cast<std::int64_t>(axis), 1),
          i);
    }
    return;
  }
  const OnnxValue x = values.map(node, 0);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    piece = {piece.end, piece.end + sizes[i]};
    if (values.num_uses(node.outputs[i]) == 0) continue;
    define_piece(values, node, x, piece_of(values, node, x, axis, piece, i), i);
  }
}

/// The parts of a Concat in one order of elements, joined along a dim that lies where a layer
/// joins.
OnnxValue joined_maps(OnnxValues& values, const OnnxNode& node, std::vector<OnnxValue> parts,
                      const std::vector<std::size_t>& inputs, std::size_t axis) {
  const auto first_map =
      std::find_if(parts.begin(), parts.end(), [](const auto& part) { return !part.constant; });
  OnnxValue& model = *first_map;
  const std::size_t rank = model.dims.size();
  for (const OnnxValue& part : parts) {
    Dims given = part.dims;
    if (const OnnxConstant* constant = part.constant.get()) given = constant->dims;
    if (given.size() != rank) throw InputError("joins maps of different numbers of dimensions");
    Dims dims = given;
    dims[axis] = model.dims[axis];
    if (dims != model.dims) {
      throw InputError(fmt::format("joins maps of {} and {} along axis {}", text_of(model.dims),
                                   text_of(given), axis));
    }
  }
  // Where the joined dim is in the map: the outermost channels, all rows, or all columns.
  Axis along = Axis::kRows;
  const auto place_of = [&](const OnnxValue& value) -> std::optional<Axis> {
    const Shape& shape = values.shape_of(value);
    const OnnxDim dim = joined({value.view[axis]});
    if (dim.size() != 1) return std::nullopt;
    const OnnxFactor factor = dim[0];
    const std::int64_t pixels = shape.height * shape.width;
    if (factor.stride >= pixels && factor.size * factor.stride == shape.num_elements()) {
      return Axis::kChannels;
    }
    if (factor == OnnxFactor{shape.height, shape.width}) return Axis::kRows;
    if (factor == OnnxFactor{shape.width, 1}) return Axis::kColumns;
    return std::nullopt;
  };
  // A part with one entry says nothing of the place, so the first with more decides.
  auto guide = std::find_if(parts.begin(), parts.end(), [&](const auto& part) {
    return !part.constant && part.dims[axis] > 1;
  });
  if (guide == parts.end()) guide = first_map;
  OnnxValue lead = *guide;
  const auto place = lead.dims[axis] > 1 ? place_of(lead) : std::nullopt;
  if (axis > 0 && lead.view == view_of(values.shape_of(lead))) {
    along = static_cast<Axis>(axis - 1);
  } else if (place) {
    along = *place;
  } else if (lead.dims[axis] > 1) {
    lead = isolated(values, node, lead, axis, false);
    along = place_of(lead).value_or(Axis::kRows);
  } else {
    // Every part has one entry: tokens are joined as rows, maps with rows as columns.
    const Shape& shape = values.shape_of(lead);
    along = shape.channels == 1 || (shape.height > 1 && shape.width > 1) ? Axis::kChannels
            : shape.height == 1                                          ? Axis::kRows
                                                                         : Axis::kColumns;
  }
  lead = values.edged(node, lead);
  *guide = lead;
  // The other dims in parts of the same sizes everywhere.
  OnnxView common = lead.view;
  for (int pass = 0; pass < 2; ++pass) {
    for (OnnxValue& part : parts) {
      if (part.constant != nullptr) continue;
      OnnxView view = part.view;
      bool is_alike = true;
      for (std::size_t i = 0; i < rank && is_alike; ++i) {
        if (i != axis) is_alike = split_alike(common[i], view[i]);
      }
      if (!is_alike) {
        std::vector<OnnxDim> order(part.view.begin(), part.view.end());
        part = values.arranged(node, part, joined(order), {}, {});
        view = part.view;
        for (std::size_t i = 0; i < rank; ++i) {
          if (i != axis && !split_alike(common[i], view[i])) {
            throw InputError("joins maps whose elements are in orders that do not fit together");
          }
        }
      }
      part.view = std::move(view);
    }
  }
  const Shape shape = values.shape_of(lead);
  // The lead's order, factor by factor: which dim, which part of it, and where it is stored.
  struct Place {
    std::size_t dim;
    std::size_t index;
    OnnxFactor factor;
  };
  std::vector<Place> order;
  for (std::size_t dim = 0; dim < rank; ++dim) {
    if (dim == axis) continue;
    for (std::size_t index = 0; index < common[dim].size(); ++index) {
      order.push_back({dim, index, common[dim][index]});
    }
  }
  std::sort(order.begin(), order.end(),
            [](const Place& a, const Place& b) { return a.factor.stride > b.factor.stride; });
  const auto axis_at = [&](const OnnxFactor& factor) {
    return factor.stride >= shape.height * shape.width ? Axis::kChannels
           : factor.stride >= shape.width              ? Axis::kRows
                                                       : Axis::kColumns;
  };
  std::vector<OnnxValue> maps;
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const OnnxValue& part = parts[i];
    const std::int64_t size =
        part.constant != nullptr ? part.constant->dims[axis] : part.dims[axis];
    sum += size;
    if (sum > kMaxDimension) throw InputError("gives too large a map");
    if (part.constant != nullptr) {
      Shape stored_as = {1, 1, 1};  // of what is not in the file yet: any order
      const auto extent_of = [&](Axis where) -> std::int64_t& {
        if (where == Axis::kChannels) return stored_as.channels;
        return where == Axis::kRows ? stored_as.height : stored_as.width;
      };
      extent_of(along) *= size;
      for (const Place& at : order) extent_of(axis_at(at.factor)) *= at.factor.size;
      maps.push_back(values.constant_layer(node, inputs[i], stored_as));
      continue;
    }
    OnnxDim channels;
    OnnxDim rows;
    OnnxDim columns;
    if (along == Axis::kChannels) append(channels, part.view[axis]);
    if (along == Axis::kRows) append(rows, part.view[axis]);
    for (const Place& at : order) {
      const OnnxFactor& own = part.view[at.dim].at(at.index);
      const Axis where = axis_at(at.factor);
      append(where == Axis::kChannels ? channels : where == Axis::kRows ? rows : columns, own);
    }
    if (along == Axis::kColumns) append(columns, part.view[axis]);
    maps.push_back(values.arranged(node, part, channels, rows, columns));
  }
  if (maps.size() == 1) return maps[0];
  Layer layer;
  layer.op = Op::kConcat;
  layer.axis = along;
  // The view: the lead's order with the joined dim in its place.
  OnnxView view(rank);
  std::vector<Place> stored = order;
  const auto after = std::find_if(stored.begin(), stored.end(), [&](const Place& at) {
    if (along == Axis::kChannels) return true;
    return along == Axis::kRows && at.factor.stride < shape.height * shape.width;
  });
  stored.insert(after, {axis, 0, {sum, 0}});
  std::int64_t stride = 1;
  std::vector<std::pair<Place, std::int64_t>> strides;
  for (std::size_t i = stored.size(); i-- > 0;) {
    strides.emplace_back(stored[i], stride);
    stride *= stored[i].factor.size;
  }
  for (std::size_t dim = 0; dim < rank; ++dim) {
    for (std::size_t index = 0; index < std::max<std::size_t>(common[dim].size(), 1); ++index) {
      for (const auto& [at, its_stride] : strides) {
        if (at.dim == dim && at.index == index)
          append(view[dim], OnnxFactor{at.factor.size, its_stride});
      }
    }
  }
  return values.make_layer(node, std::move(layer), maps, PaddingRule::valid(), view);
}

void define_joined(OnnxValues& values, const OnnxNode& node, std::vector<OnnxValue> parts,
                   const std::vector<std::size_t>& inputs, std::size_t axis) {
  values.define(node.outputs.at(0), joined_maps(values, node, std::move(parts), inputs, axis));
}

void read_concat_of(OnnxValues& values, const OnnxNode& node,
                    const std::vector<std::size_t>& inputs) {
  if (inputs.empty()) throw InputError("joins nothing");
  if (node.find("axis") == nullptr) throw InputError("has no axis");
  const std::int64_t axis = integer_attribute(node, "axis", 1);
  bool all_constant = true;
  for (const std::size_t input : inputs)
    all_constant = all_constant && values.is_constant(node, input);
  if (all_constant) {
    std::vector<OnnxConstant> parts;
    for (const std::size_t input : inputs) parts.push_back(values.constant(node, input));
    return values.define_constant(node, onnx_fold::concat(parts, axis));
  }
  std::vector<OnnxValue> parts;
  std::vector<std::size_t> used;
  for (const std::size_t input : inputs) {
    const Dims dims = values.dims(node, input);
    // A cache that is empty at first joins nothing.
    if (num_elements_of(dims) == 0) continue;
    parts.push_back(values.is_constant(node, input) ? values.any(node, input)
                                                    : values.map(node, input));
    if (parts.back().constant != nullptr && axis != 0) {
      OnnxConstant one = *parts.back().constant;
      one.dims = values.for_one_image(one, /*must_know=*/false);
      parts.back().constant = std::make_shared<const OnnxConstant>(std::move(one));
    }
    used.push_back(input);
  }
  if (used.empty()) throw InputError("joins nothing");
  const std::size_t rank = values.dims(node, used[0]).size();
  if (parts.size() == 1 && parts[0].constant == nullptr) {
    parts[0].is_exclusive = false;
    return values.define(node.outputs.at(0), std::move(parts[0]));
  }
  define_joined(values, node, std::move(parts), used, axis_of(axis, rank));
}

void read_concat(OnnxValues& values, const OnnxNode& node) {
  std::vector<std::size_t> inputs;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) inputs.push_back(i);
  read_concat_of(values, node, inputs);
}

/// Scale and zero point of the result, then a map, a scale and a zero point each.
void read_qlinear_concat(OnnxValues& values, const OnnxNode& node) {
  std::vector<std::size_t> inputs;
  for (std::size_t i = 2; i < node.inputs.size(); i += 3) inputs.push_back(i);
  read_concat_of(values, node, inputs);
}

/// Repeats that nothing needs as elements cost nothing.
void read_expand(OnnxValues& values, const OnnxNode& node) {
  Dims to = integers_in(values.constant(node, 1), kMaxTensorRank);
  const Dims from = values.dims(node, 0);
  if (!values.is_constant(node, 0) && !to.empty() && to.size() >= from.size() &&
      to[0] == values.batch()) {
    to[0] = 1;  // of a model for a fixed batch
  }
  const Dims dims = broadcast_dims(from, to);
  if (values.is_constant(node, 0)) {
    return values.define_constant(node, onnx_fold::expand(values.constant(node, 0), dims));
  }
  const OnnxValue x = values.repeated_map(node, 0);
  OnnxView view = x.view;
  while (view.size() < dims.size()) view.insert(view.begin(), OnnxDim{});
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (size_of(view[i]) != dims[i]) append(view[i], OnnxFactor{dims[i], 0});
  }
  values.define_same(node, x, view);
}

void read_tile(OnnxValues& values, const OnnxNode& node) {
  const auto repeats_of_axis = integers_in(values.constant(node, 1), kMaxTensorRank);
  const Dims from = values.dims(node, 0);
  if (repeats_of_axis.size() != from.size()) throw InputError("must have one number an axis");
  for (const std::int64_t times : repeats_of_axis) {
    if (times < 1 || times > kMaxDimension)
      throw InputError(fmt::format("repeats {} times", times));
  }
  if (values.is_constant(node, 0)) {
    return values.define_constant(node, onnx_fold::tile(values.constant(node, 0), repeats_of_axis));
  }
  const OnnxValue x = values.repeated_map(node, 0);
  OnnxView view = x.view;
  for (std::size_t i = 0; i < view.size(); ++i) {
    OnnxDim dim;
    if (i > 0 || repeats_of_axis[i] != values.batch())
      append(dim, OnnxFactor{repeats_of_axis[i], 0});
    append(dim, view[i]);
    view[i] = dim;
  }
  num_elements_of(dims_of(view));
  values.define_same(node, x, view);
}

/// Rows of a constant table, by computed numbers.
void define_embedding(OnnxValues& values, const OnnxNode& node) {
  const OnnxConstant table = values.constant(node, 0);
  const std::size_t axis = axis_of(integer_attribute(node, "axis", 0), table.dims.size());
  if (axis != 0) throw InputError("picks other entries of a table than rows");
  const OnnxValue x = values.map(node, 1);
  Layer layer;
  layer.op = Op::kEmbedding;
  layer.extent = table.dims[0];
  layer.ofm.channels = num_elements_of({table.dims.begin() + 1, table.dims.end()});
  const std::int64_t count = num_elements_of(x.dims);
  OnnxView view = x.view;  // numbers become rows, in their order
  std::int64_t stride = layer.ofm.channels;
  for (std::size_t i = 1; i < table.dims.size(); ++i) {
    stride /= std::max<std::int64_t>(table.dims[i], 1);
    view.push_back(joined({{{table.dims[i], stride * count}}}));
  }
  values.define_layer(node, std::move(layer), {x}, PaddingRule::valid(), view);
  values.set_weights(table);
}

void read_gather(OnnxValues& values, const OnnxNode& node) {
  const std::int64_t given_axis = integer_attribute(node, "axis", 0);
  if (values.is_constant(node, 0)) {
    if (!values.is_constant(node, 1)) return define_embedding(values, node);
    return values.define_constant(
        node, onnx_fold::gather(values.constant(node, 0), values.constant(node, 1), given_axis));
  }
  if (!values.is_constant(node, 1)) return read_host(values, node);
  const OnnxConstant picked = values.constant(node, 1);
  const OnnxValue x = values.map(node, 0);
  const std::size_t axis = axis_of(given_axis, x.dims.size());
  if (!picked.has_values || picked.dims.size() > 1 || picked.values.empty()) {
    return read_host(values, node);
  }
  // Ascending runs of indices are pieces.
  std::vector<OnnxPiece> pieces;
  for (std::int64_t index : integers_in(picked, kMaxTensorValues)) {
    if (index < 0) index += x.dims[axis];
    if (index < 0 || index >= x.dims[axis]) {
      throw InputError(fmt::format("picks entry {} of {}", index, x.dims[axis]));
    }
    if (!pieces.empty() && pieces.back().end == index) {
      ++pieces.back().end;
    } else {
      pieces.push_back({index, index + 1, 1});
    }
  }
  std::vector<OnnxValue> parts;
  for (const OnnxPiece& piece : pieces) parts.push_back(piece_of(values, node, x, axis, piece));
  OnnxValue result =
      parts.size() == 1
          ? parts[0]
          : joined_maps(values, node, parts, std::vector<std::size_t>(parts.size(), 0), axis);
  if (picked.dims.empty()) {
    OnnxView view = result.view;
    view.erase(view.begin() + static_cast<std::ptrdiff_t>(axis));
    result.set_view(std::move(view));
  }
  define_piece(values, node, x, std::move(result), 0);
}

constexpr auto kPieceOperators = std::to_array<std::pair<std::string_view, OnnxOperator>>({
    {"Slice", read_slice},
    {"Split", read_split},
    {"Concat", read_concat},
    {"QLinearConcat", read_qlinear_concat},
    {"Expand", read_expand},
    {"Tile", read_tile},
    {"Gather", read_gather},
});

}  // namespace

OnnxOperator find_piece_operator(std::string_view op) {
  for (const auto& [name, read] : kPieceOperators) {
    if (name == op) return read;
  }
  return nullptr;
}

OnnxValue piece_of(OnnxValues& values, const OnnxNode& node, const OnnxValue& map, std::size_t axis,
                   const OnnxPiece& piece, std::size_t output) {
  const std::int64_t available = map.dims.at(axis);
  if (piece.is_whole(available)) return map;
  if (piece.size() < 1) throw InputError("takes no elements");
  const Shape& shape = values.shape_of(map);
  const OnnxDim dim = joined({map.view[axis]});
  // Rows of several pieces, or a part of one row, of pixels that are one dim.
  const OnnxFactor all_pixels = {shape.height * shape.width, 1};
  if (dim.size() == 1 && dim[0] == all_pixels && shape.height > 1 && shape.width > 1 &&
      piece.step == 1) {
    OnnxValue split = map;
    const std::int64_t width = shape.width;
    const OnnxFactor rows = {shape.height, width};
    split.view[axis] = {rows, {width, 1}};
    if (piece.begin % width == 0 && piece.end % width == 0) {
      const OnnxPiece cut_rows = {piece.begin / width, piece.end / width, 1};
      return cut(values, node, split, rows, cut_rows, *cut_layer(shape, rows, cut_rows), output);
    }
    if (piece.begin / width == (piece.end - 1) / width) {
      Layer layer;
      layer.op = Op::kSlice;
      layer.ofm = {shape.channels, 1, piece.size()};
      layer.padding.top = -(piece.begin / width);
      layer.padding.left = -(piece.begin % width);
      OnnxView view = resized(split.view, rows, 1);
      view = resized(view, {width, 1}, piece.size());
      return values.make_layer(node, std::move(layer), {map}, PaddingRule::valid(), view, output);
    }
  }
  // A piece of whole entries of the outermost factor.
  if (!dim.empty()) {
    const std::int64_t inner = available / dim[0].size;
    const OnnxPiece outer = {piece.begin / inner, piece.end / inner, piece.step};
    if (piece.begin % inner == 0 && piece.end % inner == 0 && (inner == 1 || piece.step == 1)) {
      if (auto layer = cut_layer(shape, dim[0], outer); layer) {
        OnnxValue split = map;
        split.view[axis] = dim;
        return cut(values, node, split, dim[0], outer, std::move(*layer), output);
      }
    }
  }
  const OnnxValue apart = isolated(values, node, map, axis, piece.step > 1);
  const Shape& there = values.shape_of(apart);
  const OnnxDim factor = joined({apart.view[axis]});
  auto layer = factor.size() == 1 ? cut_layer(there, factor[0], piece) : std::nullopt;
  if (!layer) {
    throw InputError(fmt::format("cuts a piece out of axis {} of a {} map, which is not stored so",
                                 axis, text_of(map.dims)));
  }
  return cut(values, node, apart, factor[0], piece, std::move(*layer), output);
}

}  // namespace tilewake
