// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/network/onnx/onnx_operators.hpp"

namespace tilewake {
namespace {

std::vector<std::size_t> order_of(const OnnxNode& node, std::size_t rank) {
  std::vector<std::size_t> order;
  const auto perm = integers_attribute(node, "perm");
  for (std::size_t i = 0; i < rank && !perm; ++i) order.push_back(rank - 1 - i);
  for (const std::int64_t axis : perm.value_or(std::vector<std::int64_t>{})) {
    order.push_back(axis_of(axis, rank));
  }
  std::vector<std::size_t> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  if (order.size() != rank || std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    throw InputError("has a perm that is no order of the axes");
  }
  return order;
}

/// A map whose elements are stored in the order of the tensor, so that all dims can split it.
OnnxValue in_order(OnnxValues& values, const OnnxNode& node, const OnnxValue& value,
                   const Dims& dims) {
  OnnxDim all;
  for (const OnnxDim& dim : value.view) append(all, dim);
  Shape shape = {1, size_of(all), 1};
  // Dims of the result as channels, rows and columns where they are no more.
  Dims large;
  for (const std::int64_t dim : dims) {
    if (dim > 1) large.push_back(dim);
  }
  if (large.size() == 2) shape = {large[0], large[1], 1};
  if (large.size() == 3) shape = {large[0], large[1], large[2]};
  return values.stored_as(node, value, all, shape);
}

/// A Reshape of 1 x n x groups x H x W to 1 x C x H x W after a Transpose: a channel shuffle. The
/// copy is made here, so that the network's last layer can be one.
bool end_shuffle(OnnxValues& values, const OnnxNode& node, const OnnxValue& value,
                 const OnnxView& view) {
  if (view.size() != 4 || !view[0].empty() || view[1].size() != 2 || repeats(view)) return false;
  const Shape& map = values.shape_of(value);
  const OnnxView image = view_of(map);
  const OnnxDim& channels = view[1];
  const std::int64_t pixels = map.height * map.width;
  if (view[2] != image[2] || view[3] != image[3] || channels[0].stride != pixels ||
      channels[1].stride != pixels * channels[0].size ||
      channels[0].size * channels[1].size != map.channels) {
    return false;
  }
  const OnnxValue settled = values.map(node, 0);
  Layer layer;
  layer.op = Op::kChannelShuffle;
  layer.groups = channels[1].size;
  values.define_layer(node, std::move(layer), {settled});
  return true;
}

/// A Reshape after a Transpose that the writer has marked as a layer.
void end_copy(OnnxValues& values, const OnnxNode& node, const Dims& dims) {
  OnnxValue x = values.any(node, 0);
  const OnnxNode& swap = *x.shuffle;
  x.shuffle = nullptr;
  if (dims.size() != 4 || dims[0] != 1) {
    throw InputError(fmt::format("makes {} of what {} gives; a map must come back", text_of(dims),
                                 text_of(swap)));
  }
  const std::vector<std::size_t> order = order_of(swap, x.dims.size());
  Layer layer;
  const bool is_shuffle = has_hint(swap, Op::kChannelShuffle);
  layer.op = is_shuffle ? Op::kChannelShuffle : Op::kTranspose;
  if (order.empty() || order[0] != 0 || x.dims[0] != 1) throw InputError("moves images");
  Dims from(order.size(), 1);
  for (std::size_t i = 0; i < order.size(); ++i) from[order[i]] = x.dims[i];
  if (is_shuffle) {
    layer.groups = from.size() > 1 ? from[1] : 1;
  } else {
    layer.view.assign(from.begin() + 1, from.end());
    for (std::size_t i = 1; i < order.size(); ++i) {
      layer.order.push_back(static_cast<int>(order[i]) - 1);
    }
    layer.ofm = {dims[1], dims[2], dims[3]};
  }
  // The tensor before it must be the map.
  OnnxView before(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) before[order[i]] = x.view[i];
  const OnnxDim all = joined(before);
  if (!all.empty() && (all.size() != 1 || all[0].stride != 1)) {
    throw InputError(fmt::format("ends what {} begins with a map in another order", text_of(swap)));
  }
  values.define_layer(is_shuffle ? node : values.keep_as(swap, node), std::move(layer), {x});
}

/// The first input in other dims, no element moved unless they split its factors otherwise.
void give_reshaped(OnnxValues& values, const OnnxNode& node, Dims dims) {
  const Dims from = values.dims(node, 0);
  if (num_elements_of(dims) != num_elements_of(from)) {
    throw InputError(fmt::format("makes {} of {}", text_of(dims), text_of(from)));
  }
  if (values.is_constant(node, 0)) {
    OnnxConstant constant = values.constant(node, 0);
    constant.dims = std::move(dims);
    return values.define_constant(node, std::move(constant));
  }
  if (values.any(node, 0).shuffle != nullptr) return end_copy(values, node, dims);
  if (values.any(node, 0).pad != nullptr) values.map(node, 0);
  OnnxValue value = values.any(node, 0);
  std::optional<OnnxView> view = reshaped(value.view, dims);
  if (!view) {
    value = values.map(node, 0);
    value = in_order(values, node, value, dims);
    view = reshaped(value.view, dims);
    if (!view) throw InputError(fmt::format("makes {} of {}", text_of(dims), text_of(from)));
    return values.define_same(node, std::move(value), std::move(*view));
  }
  if (end_shuffle(values, node, value, *view)) return;
  values.define_same(node, std::move(value), std::move(*view));
}

/// Values and types may change, elements and their order do not.
void read_same(OnnxValues& values, const OnnxNode& node) {
  if (values.is_constant(node, 0)) return values.define_constant(node, values.constant(node, 0));
  values.define_unchanged(node);
}

void read_cast(OnnxValues& values, const OnnxNode& node) {
  if (node.op == "Cast") {  // the newest types have numbers after those of the installed ONNX
    constexpr std::int64_t kMaxType = 63;
    const std::int64_t to = integer_attribute(node, "to", 0);
    if (to < 1 || to > kMaxType)
      throw InputError(fmt::format("has no type to cast to, but {}", to));
  }
  if (!values.is_constant(node, 0)) return values.define_unchanged(node);
  OnnxConstant constant = values.constant(node, 0);
  if (node.op == "CastLike") {
    constant.is_integer = values.is_constant(node, 1) && values.constant(node, 1).is_integer;
  } else {
    constant.is_integer = is_integer_type(static_cast<int>(integer_attribute(node, "to", 0)));
  }
  if (constant.is_integer) {
    for (double& number : constant.values) number = std::trunc(number);
  }
  values.define_constant(node, std::move(constant));
}

/// Of a constant the values are not those of the input.
void read_quantize(OnnxValues& values, const OnnxNode& node) {
  const Dims dims = values.dims(node, 0);
  for (std::size_t i = 1; i < node.inputs.size(); ++i) {
    if (!OnnxValues::has_input(node, i)) continue;
    const OnnxConstant& scale = values.constant(node, i);  // refuses a computed one
    if (scale.is_scalar() || scale.dims.size() != 1) continue;
    const std::int64_t given_axis = dims.size() == 1 ? 0 : integer_attribute(node, "axis", 1);
    const std::size_t axis = axis_of(given_axis, dims.size());
    if (scale.dims[0] != dims[axis]) {
      throw InputError(fmt::format("has scales or zero points of {} for axis {} of {}",
                                   text_of(scale.dims), axis, text_of(dims)));
    }
  }
  if (!values.is_constant(node, 0)) return values.define_unchanged(node);
  OnnxConstant constant;
  constant.dims = values.constant(node, 0).dims;
  constant.origin = values.constant(node, 0).origin;
  values.define_constant(node, std::move(constant));
}

/// Scale and zero point that depend on the map cost nothing more.
void read_dynamic_quantize(OnnxValues& values, const OnnxNode& node) {
  read_same(values, node);
  for (std::size_t i = 1; i < node.outputs.size(); ++i) {
    if (!node.outputs[i].empty()) values.define_constant(node, OnnxConstant(), i);
  }
}

/// In training mode only a ratio of 0 leaves the map as it is.
void read_dropout(OnnxValues& values, const OnnxNode& node) {
  const auto is_zero = [&](std::size_t index) {
    const OnnxConstant& given = values.constant(node, index);
    return given.has_values && given.values == std::vector<double>{0.0};
  };
  const bool is_training = OnnxValues::has_input(node, 2) && !is_zero(2);
  if (is_training && !(OnnxValues::has_input(node, 1) && is_zero(1))) {
    throw InputError("is in training mode");
  }
  read_same(values, node);
}

void read_flatten(OnnxValues& values, const OnnxNode& node) {
  const Dims dims = values.dims(node, 0);
  const std::int64_t axis = integer_attribute(node, "axis", 1);
  const auto rank = static_cast<std::int64_t>(dims.size());
  if (axis < -rank || axis > rank) throw InputError(fmt::format("has axis {}", axis));
  const auto split = dims.begin() + static_cast<std::ptrdiff_t>(axis < 0 ? axis + rank : axis);
  give_reshaped(values, node,
                {num_elements_of({dims.begin(), split}), num_elements_of({split, dims.end()})});
}

/// The constants of a model for a fixed batch have its number of images, in the first dim that is
/// not kept: mostly the first of all, or a later one where sequences come first.
std::vector<std::int64_t> for_one_image(std::vector<std::int64_t> target, const Dims& from,
                                        std::int64_t batch) {
  if (batch == 1) return target;
  std::size_t at = 0;
  while (at < target.size() && at < from.size() && from[at] > 1 &&
         (target[at] == from[at] || target[at] == 0)) {
    ++at;
  }
  if (at == target.size() || target[at] < 1) return target;
  if (target[at] % batch != 0) {
    const auto images =
        std::find(target.begin() + static_cast<std::ptrdiff_t>(at), target.end(), batch);
    if (images == target.end()) return target;
    at = static_cast<std::size_t>(images - target.begin());
  }
  target[at] /= batch;
  return target;
}

void read_reshape(OnnxValues& values, const OnnxNode& node) {
  const Dims from = values.dims(node, 0);
  std::optional<std::vector<std::int64_t>> target;
  if (OnnxValues::has_input(node, 1)) {
    target = integers_in(values.constant(node, 1), kMaxTensorRank);
  } else {
    target = integers_attribute(node, "shape");
  }
  if (!target) throw InputError("has no shape");
  if (const auto known = values.take_reshape_target(); known && !values.is_constant(node, 0)) {
    return give_reshaped(values, node, *known);
  }
  const bool is_kept = values.take_keeps_reshape_target();
  if (!values.is_constant(node, 0) && !is_kept)
    *target = for_one_image(*target, from, values.batch());
  const bool keeps_zeros = integer_attribute(node, "allowzero", 0) != 0;
  Dims dims;
  std::size_t free = target->size();
  for (std::size_t i = 0; i < target->size(); ++i) {
    std::int64_t dim = (*target)[i];
    if (dim == 0 && !keeps_zeros) {
      if (i >= from.size()) throw InputError(fmt::format("keeps dimension {}, which is none", i));
      dim = from[i];
    } else if (dim == -1) {
      if (free != target->size()) throw InputError("leaves two dimensions free");
      free = i;
      dim = 1;
    }
    dims.push_back(dim);
  }
  if (free != target->size()) {
    const std::int64_t others = num_elements_of(dims);
    dims[free] = others == 0 ? 0 : num_elements_of(from) / others;
  }
  give_reshaped(values, node, std::move(dims));
}

void read_squeeze(OnnxValues& values, const OnnxNode& node) {
  const Dims from = values.dims(node, 0);
  std::vector<bool> goes(from.size(), false);
  const auto axes = integers_of_node(values, node, "axes", 1);
  const bool is_batch = values.batch() > 1 && !values.is_constant(node, 0);
  for (std::size_t i = is_batch ? 1 : 0; i < from.size(); ++i) goes[i] = !axes && from[i] == 1;
  for (const std::int64_t axis : axes.value_or(std::vector<std::int64_t>{})) {
    const std::size_t at = axis_of(axis, from.size());
    if (from[at] != 1) throw InputError(fmt::format("drops axis {} of {}", axis, text_of(from)));
    goes[at] = true;
  }
  Dims dims;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (!goes[i]) dims.push_back(from[i]);
  }
  give_reshaped(values, node, std::move(dims));
}

void read_unsqueeze(OnnxValues& values, const OnnxNode& node) {
  const Dims from = values.dims(node, 0);
  const auto axes = integers_of_node(values, node, "axes", 1);
  if (!axes) throw InputError("has no axes");
  if (axes->size() + from.size() > kMaxTensorRank) throw InputError("has too many axes");
  Dims dims(from.size() + axes->size(), 0);
  for (const std::int64_t axis : *axes) {
    std::int64_t& dim = dims[axis_of(axis, dims.size())];
    if (dim != 0) throw InputError(fmt::format("names axis {} twice", axis));
    dim = 1;
  }
  auto next = from.begin();
  for (std::int64_t& dim : dims) {
    if (dim == 0) dim = *next++;
  }
  give_reshaped(values, node, std::move(dims));
}

void read_transpose(OnnxValues& values, const OnnxNode& node) {
  const Dims from = values.dims(node, 0);
  const std::vector<std::size_t> order = order_of(node, from.size());
  if (values.is_constant(node, 0)) {
    return values.define_constant(node, onnx_fold::transpose(values.constant(node, 0), order));
  }
  const bool has_gap = values.any(node, 0).pad != nullptr || values.any(node, 0).shuffle != nullptr;
  OnnxValue value = has_gap ? values.map(node, 0) : values.any(node, 0);
  OnnxView view = permuted(value.view, order);
  if (has_hint(node, Op::kTranspose) || has_hint(node, Op::kChannelShuffle)) {
    value = values.map(node, 0);
    value.shuffle = &node;
  }
  values.define_same(node, std::move(value), std::move(view));
}

void read_constant(OnnxValues& values, const OnnxNode& node) {
  if (const OnnxAttribute* value = node.find("value"); value != nullptr && value->tensor) {
    return values.define_constant(node, constant_of(*value->tensor));
  }
  OnnxConstant constant;
  if (const OnnxAttribute* integer = node.find("value_int"); integer != nullptr) {
    constant.values = {static_cast<double>(integer->integer)};
    constant.has_values = constant.is_integer = true;
  } else if (const OnnxAttribute* real = node.find("value_float"); real != nullptr) {
    constant.values = {static_cast<double>(real->real)};
    constant.has_values = true;
  } else if (const OnnxAttribute* integers = node.find("value_ints"); integers != nullptr) {
    constant = integers_of(integers->integers);
  } else if (const OnnxAttribute* reals = node.find("value_floats"); reals != nullptr) {
    constant.dims = {static_cast<std::int64_t>(reals->reals.size())};
    constant.has_values = reals->reals.size() <= kMaxTensorValues;
    if (constant.has_values) constant.values.assign(reals->reals.begin(), reals->reals.end());
  } else {
    throw InputError("holds no tensor and no number");
  }
  values.define_constant(node, std::move(constant));
}

void read_constant_of_shape(OnnxValues& values, const OnnxNode& node) {
  OnnxConstant constant;
  constant.dims = integers_in(values.constant(node, 0), kMaxTensorRank);
  const std::int64_t count = constant.num_elements();
  const OnnxAttribute* given = node.find("value");
  OnnxConstant value;
  if (given != nullptr && given->tensor) value = constant_of(*given->tensor);
  if (given != nullptr && (!given->tensor || value.num_elements() != 1)) {
    throw InputError("has a value that is not one element");
  }
  if (given == nullptr) value.values = {0.0};
  constant.has_values =
      value.values.size() == 1 && count <= static_cast<std::int64_t>(kMaxTensorValues);
  if (constant.has_values) {
    constant.values.assign(static_cast<std::size_t>(count), value.values[0]);
  }
  if (value.values.size() == 1) constant.fill = value.values[0];
  if (has_hint(node, Op::kConstant)) {  // a layer, where it stands
    const Dims& dims = constant.dims;
    if (dims.size() != 4 || dims[0] != 1) throw InputError("is no map");
    Layer layer;
    layer.op = Op::kConstant;
    layer.ofm = {dims[1], dims[2], dims[3]};
    return values.define_layer(node, std::move(layer), {});
  }
  values.define_constant(node, std::move(constant));
}

/// Numbers from a first one in steps.
void read_range(OnnxValues& values, const OnnxNode& node) {
  double bounds[3] = {};
  OnnxConstant constant;
  constant.is_integer = true;
  for (std::size_t i = 0; i < 3; ++i) {
    const OnnxConstant& given = values.constant(node, i);
    if (!given.has_values || given.values.size() != 1) throw InputError("has unknown bounds");
    bounds[i] = given.values[0];
    constant.is_integer = constant.is_integer && given.is_integer;
  }
  const double count = std::max(std::ceil((bounds[1] - bounds[0]) / bounds[2]), 0.0);
  if (!(count <= 0x1p32)) throw InputError(fmt::format("has {} numbers", count));
  constant.dims = {static_cast<std::int64_t>(count)};
  constant.has_values = constant.dims[0] <= static_cast<std::int64_t>(kMaxTensorValues);
  for (int i = 0; constant.has_values && i < static_cast<int>(constant.dims[0]); ++i) {
    constant.values.push_back(bounds[0] + i * bounds[2]);
  }
  values.define_constant(node, std::move(constant));
}

void read_size(OnnxValues& values, const OnnxNode& node) {
  OnnxConstant count = integers_of({num_elements_of(values.dims(node, 0))});
  count.dims.clear();
  values.define_constant(node, std::move(count));
}

void read_shape(OnnxValues& values, const OnnxNode& node) {
  const OnnxConstant all = integers_of(values.dims(node, 0));
  const std::int64_t rank = static_cast<std::int64_t>(all.values.size());
  values.define_constant(node, rank == 0
                                   ? all
                                   : onnx_fold::slice(all, integer_attribute(node, "start", 0),
                                                      integer_attribute(node, "end", rank), 0, 1));
}

constexpr auto kShapeOperators = std::to_array<std::pair<std::string_view, OnnxOperator>>({
    {"Identity", read_same},
    {"StopGradient", read_same},
    {"Cast", read_cast},
    {"CastLike", read_cast},
    {"Dropout", read_dropout},
    {"QuantizeLinear", read_quantize},
    {"DequantizeLinear", read_quantize},
    {"Flatten", read_flatten},
    {"Reshape", read_reshape},
    {"Squeeze", read_squeeze},
    {"Unsqueeze", read_unsqueeze},
    {"Transpose", read_transpose},
    {"Constant", read_constant},
    {"ConstantOfShape", read_constant_of_shape},
    {"Shape", read_shape},
    {"DynamicQuantizeLinear", read_dynamic_quantize},
    {"Size", read_size},
    {"Range", read_range},
});

}  // namespace

OnnxOperator find_shape_operator(std::string_view op) {
  for (const auto& [name, read] : kShapeOperators) {
    if (name == op) return read;
  }
  return nullptr;
}

}  // namespace tilewake
