// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/network/onnx/onnx_operators.hpp"

namespace tilewake {
namespace {

/// The dims of what the node reads, map or constant.
Dims input_dims(OnnxValues& values, const OnnxNode& node) {
  const OnnxValue& value = values.any(node, 0);
  if (value.constant != nullptr) return value.constant->dims;
  return value.dims;
}

/// The first input in other dims, no element moved.
void give_reshaped(OnnxValues& values, const OnnxNode& node, Dims dims) {
  const OnnxValue& value = values.any(node, 0);
  if (num_elements_of(dims) != num_elements_of(input_dims(values, node))) {
    throw InputError(
        fmt::format("makes {} of {}", text_of(dims), text_of(input_dims(values, node))));
  }
  if (value.constant != nullptr) {
    OnnxConstant constant = *value.constant;
    constant.dims = std::move(dims);
    return values.define_constant(node, std::move(constant));
  }
  if (value.pad != nullptr) values.map(node, 0);  // refuses
  if (value.is_channels_last) throw InputError("reads the input with its channels last");
  if (value.shuffle != nullptr) return end_shuffle(values, node, dims);
  values.define_same(node, value, std::move(dims));
}

/// Values and types may change, elements and their order do not.
void read_same(OnnxValues& values, const OnnxNode& node) {
  const OnnxValue& value = values.any(node, 0);
  if (value.constant != nullptr) return values.define_constant(node, *value.constant);
  values.define_same(node, value, value.dims);
}

void read_cast(OnnxValues& values, const OnnxNode& node) {
  const OnnxValue& value = values.any(node, 0);
  if (value.constant == nullptr) return values.define_same(node, value, value.dims);
  OnnxConstant constant = *value.constant;
  constant.is_integer = is_integer_type(static_cast<int>(integer_attribute(node, "to", 0)));
  if (constant.is_integer) {
    for (double& number : constant.values) number = std::trunc(number);
  }
  values.define_constant(node, std::move(constant));
}

/// Of a constant the values are not those of the input.
void read_quantize(OnnxValues& values, const OnnxNode& node) {
  const OnnxValue& value = values.any(node, 0);
  for (std::size_t i = 1; i < node.inputs.size(); ++i) {
    if (OnnxValues::has_input(node, i)) values.constant(node, i);  // refuses a computed scale
  }
  if (value.constant == nullptr) return values.define_same(node, value, value.dims);
  OnnxConstant constant;
  constant.dims = value.constant->dims;
  values.define_constant(node, std::move(constant));
}

void read_dropout(OnnxValues& values, const OnnxNode& node) {
  if (OnnxValues::has_input(node, 2)) {
    const OnnxConstant& training = values.constant(node, 2);
    if (!training.has_values || training.values != std::vector<double>{0.0}) {
      throw InputError("is in training mode");
    }
  }
  read_same(values, node);
}

void read_flatten(OnnxValues& values, const OnnxNode& node) {
  const Dims dims = input_dims(values, node);
  const std::int64_t axis = integer_attribute(node, "axis", 1);
  const auto rank = static_cast<std::int64_t>(dims.size());
  if (axis < -rank || axis > rank) throw InputError(fmt::format("has axis {}", axis));
  const auto split = dims.begin() + static_cast<std::ptrdiff_t>(axis < 0 ? axis + rank : axis);
  give_reshaped(values, node,
                {num_elements_of({dims.begin(), split}), num_elements_of({split, dims.end()})});
}

void read_reshape(OnnxValues& values, const OnnxNode& node) {
  const Dims from = input_dims(values, node);
  const auto target = integers_of_node(values, node, "shape", 1);
  if (!target) throw InputError("has no shape");
  const bool is_map = !values.is_constant(node, 0);
  const bool keeps_zeros = integer_attribute(node, "allowzero", 0) != 0;
  Dims dims;
  std::size_t free = target->size();
  for (std::size_t i = 0; i < target->size(); ++i) {
    std::int64_t dim = (*target)[i];
    // The constants of a model for a fixed batch have its number of images.
    if (i == 0 && is_map && dim == values.batch()) dim = 1;
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
  const Dims from = input_dims(values, node);
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
  const Dims from = input_dims(values, node);
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

void read_transpose(OnnxValues& values, const OnnxNode& node) {
  const OnnxValue& value = values.any(node, 0);
  const Dims from = input_dims(values, node);
  const std::vector<std::size_t> order = order_of(node, from.size());
  if (value.constant != nullptr) {
    return values.define_constant(node, onnx_fold::transpose(*value.constant, order));
  }
  if (value.shuffle != nullptr) values.map(node, 0);  // refuses
  if (begin_shuffle(values, node, order)) return;
  Dims dims;
  std::vector<std::size_t> moved;  // axes that hold more than one element
  for (const std::size_t axis : order) {
    dims.push_back(from[axis]);
    if (from[axis] != 1) moved.push_back(axis);
  }
  if (value.is_channels_last) {  // the reader has looked at the order
    OnnxValue input = value;
    input.is_channels_last = false;
    return values.define_same(node, std::move(input), std::move(dims));
  }
  if (!std::is_sorted(moved.begin(), moved.end())) {
    throw InputError(
        fmt::format("moves the elements of a {} map; feature maps lie as channels, "
                    "rows, columns here",
                    text_of(from)));
  }
  give_reshaped(values, node, std::move(dims));
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
  if (given == nullptr) value.values = {0.0};
  constant.has_values =
      value.values.size() == 1 && count <= static_cast<std::int64_t>(kMaxTensorValues);
  if (constant.has_values) {
    constant.values.assign(static_cast<std::size_t>(count), value.values[0]);
  }
  values.define_constant(node, std::move(constant));
}

void read_shape(OnnxValues& values, const OnnxNode& node) {
  const OnnxConstant all = integers_of(input_dims(values, node));
  const std::int64_t rank = static_cast<std::int64_t>(all.values.size());
  values.define_constant(node, rank == 0
                                   ? all
                                   : onnx_fold::slice(all, integer_attribute(node, "start", 0),
                                                      integer_attribute(node, "end", rank), 0, 1));
}

void read_gather(OnnxValues& values, const OnnxNode& node) {
  if (!values.is_constant(node, 0)) throw InputError("picks elements of a computed map");
  values.define_constant(node, onnx_fold::gather(values.constant(node, 0), values.constant(node, 1),
                                                 integer_attribute(node, "axis", 0)));
}

void read_slice(OnnxValues& values, const OnnxNode& node) {
  const auto begins = integers_of_node(values, node, "starts", 1);
  const auto ends = integers_of_node(values, node, "ends", 2);
  const auto axes = integers_of_node(values, node, "axes", 3);
  const auto steps = integers_of_node(values, node, "steps", 4);
  if (!begins || !ends || begins->size() != ends->size()) {
    throw InputError("must have as many starts as ends");
  }
  if ((axes && axes->size() != begins->size()) || (steps && steps->size() != begins->size())) {
    throw InputError("must have as many axes and steps as starts");
  }
  std::vector<OnnxSlice> slices;
  for (std::size_t i = 0; i < begins->size(); ++i) {
    slices.push_back({(*begins)[i], (*ends)[i], axes ? (*axes)[i] : static_cast<std::int64_t>(i),
                      steps ? (*steps)[i] : 1});
  }
  if (!values.is_constant(node, 0)) return slice_map(values, node, slices);
  OnnxConstant result = values.constant(node, 0);
  for (const OnnxSlice& slice : slices) {
    result = onnx_fold::slice(result, slice.begin, slice.end, slice.axis, slice.step);
  }
  values.define_constant(node, std::move(result));
}

/// At the end of a network it picks a class and is left out; nothing may follow it.
void read_softmax(OnnxValues& values, const OnnxNode& node) {
  OnnxValue value = values.map(node, 0);
  value.end = &node;
  value.is_exclusive = false;
  const Dims dims = value.dims;
  values.define_same(node, std::move(value), dims);
}

constexpr auto kShapeOperators = std::to_array<std::pair<std::string_view, OnnxOperator>>({
    {"Identity", read_same},
    {"Cast", read_cast},
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
    {"Gather", read_gather},
    {"Slice", read_slice},
    {"Softmax", read_softmax},
    {"LogSoftmax", read_softmax},
});

}  // namespace

OnnxOperator find_shape_operator(std::string_view op) {
  for (const auto& [name, read] : kShapeOperators) {
    if (name == op) return read;
  }
  return nullptr;
}

}  // namespace tilewake
