// SPDX-License-Identifier: Apache-2.0
// Operators that are not modelled and run on the host: tails of detectors, sorting, sampling. The
// bytes of their maps go out, those of their results come back.
#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/network/limits.hpp"
#include "simulator/network/onnx/onnx_operators.hpp"

namespace tilewake {
namespace {

/// Of a recurrent layer: all states, of every step, then the last ones. Its weights have the number
/// of directions and of states.
std::optional<Dims> recurrent_dims(OnnxValues& values, const OnnxNode& node, std::size_t index) {
  const Dims x = values.dims(node, 0);
  if (x.size() != 3 || node.inputs.size() < 3 || index > 2) return std::nullopt;
  const Dims recurrence = values.dims(node, 2);  // directions, gates x states, states
  if (recurrence.size() != 3) return std::nullopt;
  const bool is_batch_first = integer_attribute(node, "layout", 0) != 0;
  const std::int64_t steps = x[is_batch_first ? 1 : 0];
  const std::int64_t images = x[is_batch_first ? 0 : 1];
  const std::int64_t directions = recurrence[0];
  const std::int64_t states = integer_attribute(node, "hidden_size", recurrence[2]);
  if (index == 0) {
    return is_batch_first ? Dims{images, steps, directions, states}
                          : Dims{steps, directions, images, states};
  }
  return is_batch_first ? Dims{images, directions, states} : Dims{directions, images, states};
}

/// Rows and columns of windows that move over a map, as of a Conv.
std::optional<Dims> deformed_dims(OnnxValues& values, const OnnxNode& node) {
  const Dims x = values.dims(node, 0);
  if (node.inputs.size() < 2) return std::nullopt;
  const Dims weight = values.dims(node, 1);
  if (x.size() != 4 || weight.size() != 4) return std::nullopt;
  Layer layer;
  layer.op = Op::kConv2d;
  layer.kernel_height = weight[2];
  layer.kernel_width = weight[3];
  layer.ofm.channels = weight[0];
  layer.ifm = {x[1], x[2], x[3]};
  const PaddingRule padding = read_window(node, layer, layer.ifm, {}, OnnxWindow::kPlane);
  layer.kernel_height = weight[2];
  layer.kernel_width = weight[3];
  layer.groups = 1;
  infer_shapes(layer, padding, {{x[1], x[2], x[3]}});
  return Dims{x[0], layer.ofm.channels, layer.ofm.height, layer.ofm.width};
}

/// The map before a max pool.
std::optional<Dims> unpooled_dims(OnnxValues& values, const OnnxNode& node) {
  const Dims x = values.dims(node, 0);
  if (OnnxValues::has_input(node, 2)) {
    if (!values.is_constant(node, 2) || !values.constant(node, 2).has_values) return std::nullopt;
    Dims dims = integers_in(values.constant(node, 2), kMaxTensorRank);
    if (dims.size() == x.size() && dims[0] == values.batch()) dims[0] = 1;
    return dims;
  }
  const auto kernel = integers_attribute(node, "kernel_shape");
  if (x.size() < 3 || !kernel || kernel->size() + 2 != x.size()) return std::nullopt;
  const auto strides = integers_attribute(node, "strides");
  const auto pads = integers_attribute(node, "pads");
  if (strides && strides->size() != kernel->size()) throw InputError("has too few strides");
  if (pads && pads->size() != 2 * kernel->size()) throw InputError("has too few pads");
  Dims dims = x;
  for (std::size_t i = 0; i < kernel->size(); ++i) {
    for (const std::int64_t size :
         {(*kernel)[i], strides ? (*strides)[i] : 1, pads ? (*pads)[i] : 0,
          pads ? (*pads)[i + kernel->size()] : 0}) {
      if (size < 0 || size > kMaxDimension) throw InputError("has sizes out of range");
    }
    dims[i + 2] = (x[i + 2] - 1) * (strides ? (*strides)[i] : 1) + (*kernel)[i];
    if (pads) dims[i + 2] -= (*pads)[i] + (*pads)[i + kernel->size()];
  }
  return dims;
}

/// Dims of output `index` by the operator's rule; none where only the values decide.
std::optional<Dims> dims_by_rule(OnnxValues& values, const OnnxNode& node, std::size_t index) {
  const std::string_view op = node.op;
  const Dims from = OnnxValues::has_input(node, 0) ? values.dims(node, 0) : Dims();
  if (op == "LSTM" || op == "GRU" || op == "RNN") return recurrent_dims(values, node, index);
  if (op == "DeformConv") return deformed_dims(values, node);
  if (op == "MaxUnpool") return unpooled_dims(values, node);
  if (op == "ArgMax" || op == "ArgMin") {
    Dims dims = from;
    const std::size_t axis = axis_of(integer_attribute(node, "axis", 0), dims.size());
    dims[axis] = 1;
    if (integer_attribute(node, "keepdims", 1) == 0) {
      dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(axis));
    }
    return dims;
  }
  if (op == "TopK") {
    Dims dims = from;
    const std::size_t axis = axis_of(integer_attribute(node, "axis", -1), dims.size());
    std::int64_t count = integer_attribute(node, "k", 0);
    if (OnnxValues::has_input(node, 1)) {
      if (!values.is_constant(node, 1) || !values.constant(node, 1).has_values) return std::nullopt;
      const auto given = integers_in(values.constant(node, 1), 1);
      if (given.size() != 1) throw InputError("has no single k");
      count = given[0];
    }
    if (count < 1 || count > dims[axis]) {
      throw InputError(fmt::format("selects {} of {} elements", count, dims[axis]));
    }
    dims[axis] = count;
    return dims;
  }
  if (op == "Gather" && node.inputs.size() > 1) {
    const std::size_t axis = axis_of(integer_attribute(node, "axis", 0), from.size());
    const Dims picked = values.dims(node, 1);
    Dims dims(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(axis));
    dims.insert(dims.end(), picked.begin(), picked.end());
    dims.insert(dims.end(), from.begin() + static_cast<std::ptrdiff_t>(axis) + 1, from.end());
    return dims;
  }
  if (op == "GatherElements" && node.inputs.size() > 1) {
    axis_of(integer_attribute(node, "axis", 0), from.size());
    Dims dims = values.dims(node, 1);
    if (dims.size() != from.size()) {
      throw InputError(fmt::format("has indices of {} for {}", text_of(dims), text_of(from)));
    }
    return dims;
  }
  if (op == "GatherND" && node.inputs.size() > 1) {
    const Dims indices = values.dims(node, 1);
    const std::int64_t batch = integer_attribute(node, "batch_dims", 0);
    const auto rank = static_cast<std::int64_t>(from.size());
    if (batch < 0 || batch >= rank || indices.empty() || indices.back() < 1 ||
        indices.back() > rank - batch) {
      throw InputError(fmt::format("has indices of {} and {} batch_dims for {}", text_of(indices),
                                   batch, text_of(from)));
    }
    const auto used = static_cast<std::size_t>(batch + indices.back());
    Dims dims(indices.begin(), indices.end() - 1);
    dims.insert(dims.end(), from.begin() + static_cast<std::ptrdiff_t>(used), from.end());
    return dims;
  }
  if (op == "GridSample" && from.size() == 4 && node.inputs.size() > 1) {
    choice_attribute(node, "mode", {"bilinear", "linear", "nearest", "bicubic", "cubic"});
    choice_attribute(node, "padding_mode", {"zeros", "border", "reflection"});
    const Dims grid = values.dims(node, 1);
    if (grid.size() == 4) return Dims{from[0], from[1], grid[1], grid[2]};
  }
  if (op == "RoiAlign" && from.size() == 4 && node.inputs.size() > 1) {
    const Dims rois = values.dims(node, 1);
    choice_attribute(node, "mode", {"avg", "max"});
    choice_attribute(node, "coordinate_transformation_mode", {"half_pixel", "output_half_pixel"});
    if (!(real_attribute(node, "spatial_scale", 1.0) > 0.0)) {
      throw InputError("spatial_scale must be more than 0");
    }
    if (integer_attribute(node, "sampling_ratio", 0) < 0) {
      throw InputError("sampling_ratio must not be negative");
    }
    if (rois.size() == 2) {
      const auto size_of_output = [&](const char* name) {
        return node.find(name) == nullptr ? 1 : size_attribute(node, name);
      };
      return Dims{rois[0], from[1], size_of_output("output_height"),
                  size_of_output("output_width")};
    }
  }
  if (op == "MaxRoiPool" && from.size() == 4 && node.inputs.size() > 1) {
    const Dims rois = values.dims(node, 1);
    const auto size = integers_attribute(node, "pooled_shape");
    if (!size || size->size() != 2) throw InputError("has no pooled_shape of rows and columns");
    if (rois.size() == 2) return Dims{rois[0], from[1], (*size)[0], (*size)[1]};
  }
  if (op == "NonMaxSuppression" && node.inputs.size() > 2 && OnnxValues::has_input(node, 2) &&
      values.is_constant(node, 2)) {
    const Dims scores = values.dims(node, 1);
    const auto most = integers_in(values.constant(node, 2), 1);
    if (scores.size() == 3 && most.size() == 1) {
      return Dims{scores[0] * scores[1] * std::min(most[0], scores[2]), 3};
    }
  }
  if (op == "OneHot" && node.inputs.size() > 1 && values.is_constant(node, 1)) {
    const auto depth = integers_in(values.constant(node, 1), 1);
    if (depth.size() == 1) {
      Dims dims = from;
      const std::int64_t axis = integer_attribute(node, "axis", -1);
      const std::size_t at = axis_of(axis, dims.size() + 1);
      dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(at), depth[0]);
      return dims;
    }
  }
  if (op == "ScatterND" || op == "ScatterElements") {
    choice_attribute(node, "reduction", {"none", "add", "mul", "max", "min"});
  }
  if (op == "ScatterND" || op == "ScatterElements" || op == "Scatter" || op == "CumSum" ||
      op == "Trilu" || op == "ReverseSequence" || op == "BitwiseAnd") {
    return from;
  }
  if (index == 0 && op == "NonZero")
    return Dims{static_cast<std::int64_t>(from.size()), num_elements_of(from)};
  return std::nullopt;
}

/// Dims of an output: as the caller gives them, by rule, as the file has them, or as the first map.
Dims host_dims(OnnxValues& values, const OnnxNode& node, std::size_t index, const Dims& fallback) {
  Dims dims = fallback;
  if (const auto given = values.take_given_dims(node.outputs[index]); given) {
    dims = *given;
  } else if (const auto by_rule = dims_by_rule(values, node, index); by_rule) {
    dims = *by_rule;
  } else if (const Dims* known = values.known_dims(node.outputs[index]); known != nullptr) {
    dims = *known;
  } else {
    values.note_guess(node, index);
  }
  check_map_dims(dims);
  return dims;
}

/// Rows and columns of a long list, each within the bounds if the count has a divisor that is
/// small.
Shape folded(std::int64_t count) {
  constexpr std::int64_t kMaxRows = 4096;
  for (std::int64_t rows = (count - 1) / kMaxDimension + 1; rows <= kMaxRows; ++rows) {
    if (count % rows == 0) return {1, rows, count / rows};
  }
  return {1, count, 1};
}

/// A map of `dims`, as a tensor of so many dims usually lies.
std::pair<Shape, OnnxView> map_of(const Dims& dims) {
  const std::int64_t count = num_elements_of(dims);
  Shape shape = {1, count, 1};
  const std::size_t rank = dims.size();
  if (rank == 4) shape = {dims[0] * dims[1], dims[2], dims[3]};
  if (rank > 4) shape = {dims[0] * dims[1], count / (dims[0] * dims[1]), 1};
  if (rank == 2 || rank == 3) {  // rows of channels
    shape = {dims.back(), count / dims.back(), 1};
    if (std::max(shape.channels, shape.height) > kMaxDimension) {
      shape = folded(count);
      return {shape, reshaped(view_of(shape), dims).value()};
    }
    const OnnxView image = view_of(shape);
    OnnxView view = reshaped({image[2]}, {dims.begin(), dims.end() - 1}).value();
    view.push_back(image[1]);
    return {shape, std::move(view)};
  }
  if (std::max({shape.channels, shape.height, shape.width}) > kMaxDimension) shape = folded(count);
  return {shape, reshaped(view_of(shape), dims).value()};
}

}  // namespace

void read_host(OnnxValues& values, const OnnxNode& node) {
  std::vector<OnnxValue> maps;
  for (const auto* names : {&node.inputs, &node.captured}) {
    OnnxNode reader;
    reader.name = node.name;
    reader.op = node.op;
    reader.outputs = node.outputs;
    reader.inputs = *names;
    for (std::size_t i = 0; i < names->size(); ++i) {
      if (const OnnxValue* map = values.for_host((*names)[i]); map != nullptr) {
        maps.push_back(*map);
        continue;
      }
      if (!OnnxValues::has_input(reader, i) || values.is_constant(reader, i)) continue;
      maps.push_back(values.repeated_map(reader, i));  // what is repeated goes out once
    }
  }
  if (maps.empty()) {
    // Of constants: a constant whose values are not known.
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i].empty()) continue;
      OnnxConstant constant;
      const auto dims = dims_by_rule(values, node, i);
      const Dims* known = values.known_dims(node.outputs[i]);
      if (!dims && known == nullptr) {
        throw InputError("depends on constants only, and its dims are not known");
      }
      constant.dims = dims ? *dims : *known;
      values.define_constant(node, std::move(constant), i);
    }
    return;
  }
  // One layer for all results; each is a range of its channels.
  std::vector<std::size_t> outputs;
  std::vector<Dims> dims;
  std::int64_t all = 0;
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    // A part may be there already, of a node that could not be read as a whole.
    if (values.num_uses(node.outputs[i]) == 0 || values.is_defined(node.outputs[i])) continue;
    outputs.push_back(i);
    dims.push_back(host_dims(values, node, i, maps[0].dims));
    all += num_elements_of(dims.back());
  }
  if (outputs.empty()) return;
  Layer layer;
  layer.op = Op::kHost;
  if (outputs.size() == 1) {
    auto [shape, view] = map_of(dims[0]);
    layer.ofm = shape;
    values.define_layer(node, std::move(layer), maps, PaddingRule::valid(), view, outputs[0]);
  } else {
    // Many elements in channels of as many as each result has a multiple of.
    std::int64_t pixels = all > kMaxDimension ? all : 1;
    for (const Dims& part : dims) pixels = std::gcd(pixels, num_elements_of(part));
    Shape piece = folded(pixels);
    layer.ofm = {all / pixels, piece.height, piece.width};
    const OnnxValue whole = values.make_layer(node, std::move(layer), maps);
    std::int64_t begin = 0;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      Layer part;
      part.op = Op::kChannelSplit;
      part.first_channel = begin;
      piece.channels = part.ofm.channels = num_elements_of(dims[i]) / pixels;
      begin += part.ofm.channels;
      const OnnxView view = reshaped(view_of(piece), dims[i]).value();
      values.define_layer(node, std::move(part), {whole}, PaddingRule::valid(), view, outputs[i]);
    }
  }
  values.note_host(node);
}

OnnxOperator find_host_operator(std::string_view op) {
  constexpr auto kHostOperators = std::to_array<std::string_view>({
      "ArgMax",
      "ArgMin",
      "TopK",
      "NonMaxSuppression",
      "GatherElements",
      "GatherND",
      "ScatterND",
      "Scatter",
      "ScatterElements",
      "NonZero",
      "RoiAlign",
      "MaxRoiPool",
      "GridSample",
      "CumSum",
      "OneHot",
      "Trilu",
      "Unique",
      "Compress",
      "ReverseSequence",
      "RandomNormal",
      "RandomUniform",
      "Multinomial",
      "Bernoulli",
      "MaxUnpool",
      "EyeLike",
      "STFT",
      "DFT",
      "MelWeightMatrix",
      "HannWindow",
      "HammingWindow",
      "CenterCropPad",
      "Col2Im",
      "RandomNormalLike",
      "RandomUniformLike",
      "AffineGrid",
      "Det",
      "StringNormalizer",
      "TfIdfVectorizer",
      "BitwiseAnd",
  });
  const bool is_known =
      std::find(kHostOperators.begin(), kHostOperators.end(), op) != kHostOperators.end();
  return is_known ? read_host : nullptr;
}

}  // namespace tilewake
