// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/tflite/tflite_graph.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <optional>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/network/onnx/onnx_constant.hpp"

namespace tilewake {
namespace {

template <typename T>
std::vector<double> numbers_in(std::string_view data, std::size_t count) {
  std::vector<double> numbers;
  if (data.size() != count * sizeof(T)) return numbers;
  for (std::size_t i = 0; i < count; ++i) {
    T value{};
    std::memcpy(&value, data.data() + i * sizeof(T), sizeof(T));
    numbers.push_back(static_cast<double>(value));
  }
  return numbers;
}

/// Elements of a small constant; none where they are missing or of another type.
std::vector<double> stored_values(const TfliteTensor& tensor, std::size_t count) {
  switch (tensor.type) {
    case tfl::ElementType::FLOAT32:
      return numbers_in<float>(tensor.data, count);
    case tfl::ElementType::INT32:
      return numbers_in<std::int32_t>(tensor.data, count);
    case tfl::ElementType::INT64:
      return numbers_in<std::int64_t>(tensor.data, count);
    case tfl::ElementType::INT16:
      return numbers_in<std::int16_t>(tensor.data, count);
    case tfl::ElementType::INT8:
    case tfl::ElementType::BOOL:
      return numbers_in<std::int8_t>(tensor.data, count);
    case tfl::ElementType::UINT8:
      return numbers_in<std::uint8_t>(tensor.data, count);
    default:
      return {};
  }
}

bool is_whole_type(tfl::ElementType type) {
  return type == tfl::ElementType::INT32 || type == tfl::ElementType::INT64 ||
         type == tfl::ElementType::BOOL;
}

/// The constant with its real values, quantized or not. Large ones have dims only.
OnnxTensor onnx_tensor_of(const TfliteTensor& tensor, const Dims& dims) {
  OnnxTensor result;
  result.dims = dims;
  result.data_type = static_cast<int>(OnnxType::kFloat);
  result.is_elsewhere = true;  // until the values are known
  const auto count = static_cast<std::size_t>(num_elements_of(dims));
  if (count > kMaxTensorValues) return result;
  if (tensor.type == tfl::ElementType::FLOAT16) {
    result.data_type = static_cast<int>(OnnxType::kFloat16);
    result.raw = tensor.data;
    result.is_elsewhere = tensor.data.empty();
    return result;
  }
  result.values = stored_values(tensor, count);
  result.is_elsewhere = result.values.size() != count;
  const bool is_whole = is_whole_type(tensor.type) && tensor.scale == 0.0;
  if (is_whole) result.data_type = static_cast<int>(OnnxType::kInt64);
  if (tensor.type != tfl::ElementType::FLOAT32 && !is_whole) {
    if (tensor.scale == 0.0) result.is_elsewhere = true;
    for (double& value : result.values) value = tensor.scale * (value - tensor.zero_point);
  }
  return result;
}

}  // namespace

struct TfliteGraph::Storage {
  std::deque<std::string> texts;
};

TfliteGraph::TfliteGraph(const TfliteModel& model, std::string_view graph_name)
    : model_(model),
      tensors_(model.tensors),
      is_shape_value_(model.tensors.size(), false),
      names_(model.tensors.size()),
      storage_(std::make_shared<Storage>()) {
  onnx_.file = storage_;
  onnx_.name = keep(std::string(graph_name));
  onnx_.opset = 13;  // of the nodes that the operators are written as
}

int TfliteGraph::input(const TfliteOperator& op, std::size_t index) const {
  if (!has_input(op, index)) throw InputError(fmt::format("input {} is missing", index));
  return op.inputs[index];
}

int TfliteGraph::output(const TfliteOperator& op, std::size_t index) const {
  if (index >= op.outputs.size() || op.outputs[index] < 0) {
    throw InputError(fmt::format("output {} is missing", index));
  }
  return op.outputs[index];
}

bool TfliteGraph::is_known(int index) const {
  return tensor(index).is_constant || is_shape_value_[static_cast<std::size_t>(index)];
}

const Dims& TfliteGraph::constant_dims(const TfliteOperator& op, std::size_t index) const {
  const TfliteTensor& given = tensor(input(op, index));
  if (!given.is_constant) {
    throw InputError(fmt::format("input {} ('{}') must be a constant, and is computed", index,
                                 printable(std::string(given.name))));
  }
  return given.dims;
}

std::vector<std::int64_t> TfliteGraph::integers(const TfliteOperator& op, std::size_t index) const {
  const Dims& dims = constant_dims(op, index);
  const TfliteTensor& given = tensor(input(op, index));
  const auto count = static_cast<std::size_t>(num_elements_of(dims));
  if (!is_whole_type(given.type) || count > kMaxTensorValues) {
    throw InputError(fmt::format("input {} ('{}') must be a short list of integers", index,
                                 printable(std::string(given.name))));
  }
  const std::vector<double> values = stored_values(given, count);
  if (values.size() != count) {
    throw InputError(fmt::format("input {} ('{}') has {} bytes for {} integers", index,
                                 printable(std::string(given.name)), given.data.size(), count));
  }
  std::vector<std::int64_t> result;
  for (const double value : values) {
    constexpr double kMaxInteger = 0x1p60;
    result.push_back(static_cast<std::int64_t>(std::clamp(value, -kMaxInteger, kMaxInteger)));
  }
  return result;
}

std::string_view TfliteGraph::keep(std::string text) {
  return storage_->texts.emplace_back(std::move(text));
}

/// Names begin with the tensor's index, so that they are unique; those of tensors may repeat.
std::string_view TfliteGraph::name_of(int index) {
  std::string_view& name = names_[static_cast<std::size_t>(index)];
  if (name.empty()) name = keep(fmt::format("{}:{}", index, tensor(index).name));
  return name;
}

std::string_view TfliteGraph::new_name(int index) {
  return keep(fmt::format("{}+{}:{}", index, ++num_names_, tensor(index).name));
}

std::string_view TfliteGraph::map(const TfliteOperator& op, std::size_t index) {
  const int from = input(op, index);
  if (is_known(from)) {
    throw InputError(fmt::format("input {} ('{}') is a constant where a feature map is expected",
                                 index, printable(std::string(tensor(from).name))));
  }
  return name_of(from);
}

std::string_view TfliteGraph::constant(const TfliteOperator& op, std::size_t index,
                                       const Dims& dims) {
  constant_dims(op, index);  // refuses a computed tensor
  const int from = first_with_data_of(input(op, index));
  const auto found = constants_.find({from, dims});
  if (found != constants_.end()) return found->second;
  OnnxTensor result = onnx_tensor_of(tensor(from), dims);
  result.name = new_name(from);
  constants_.emplace(std::pair(from, dims), result.name);
  onnx_.initializers.push_back(std::move(result));
  return onnx_.initializers.back().name;
}

/// Weights that several tensors refer to are one constant. Short ones are read with the scale of
/// their tensor.
int TfliteGraph::first_with_data_of(int index) {
  const TfliteTensor& given = tensor(index);
  const auto num_values = static_cast<std::size_t>(num_elements_of(given.dims));
  if (given.data.empty() || num_values <= kMaxTensorValues) return index;
  return first_of_buffer_.try_emplace(given.buffer, index).first->second;
}

std::string_view TfliteGraph::raw(const TfliteOperator& op, std::size_t index) {
  if (is_constant(op, index)) return constant(op, index, tensor(input(op, index)).dims);
  return name_of(input(op, index));
}

std::string_view TfliteGraph::operand(const TfliteOperator& op, std::size_t index,
                                      std::size_t map_rank) {
  if (!is_constant(op, index)) return map(op, index);
  Dims dims = tensor(input(op, index)).dims;
  if (dims.size() > map_rank) {
    throw InputError(
        fmt::format("input {} has {} dimensions, the map {}", index, dims.size(), map_rank));
  }
  if (num_elements_of(dims) != 1) dims.insert(dims.begin(), map_rank - dims.size(), 1);
  if (dims.size() == map_rank) dims = channels_first(dims);
  return constant(op, index, dims);
}

std::string_view TfliteGraph::in_file_order(const TfliteOperator& op, std::size_t index) {
  const int from = input(op, index);
  const std::size_t map_rank = rank(from);
  if (is_known(from) || map_rank < 3) return raw(op, index);
  if (map_rank > kMaxTensorRank) throw InputError("has too many dimensions");
  std::vector<std::int64_t> perm;
  for (std::size_t axis = 0; axis < map_rank; ++axis)
    perm.push_back(axis_of(static_cast<std::int64_t>(axis), map_rank));
  const std::string_view moved = new_name(from);
  set_integers(add(op, "Transpose", {name_of(from)}, {moved}), "perm", std::move(perm));
  return moved;
}

void TfliteGraph::define_from_file_order(const TfliteOperator& op, std::string_view value,
                                         std::size_t index) {
  const int to = output(op, index);
  const std::size_t map_rank = rank(to);
  if (map_rank < 3) {
    add(op, "Identity", {value}, {name_of(to)});
    return;
  }
  if (map_rank > kMaxTensorRank) throw InputError("has too many dimensions");
  std::vector<std::int64_t> perm;
  for (const std::size_t axis : order_of(map_rank)) perm.push_back(static_cast<std::int64_t>(axis));
  set_integers(add(op, "Transpose", {value}, {name_of(to)}), "perm", std::move(perm));
}

std::string_view TfliteGraph::new_integers(const std::vector<std::int64_t>& values) {
  OnnxTensor result;
  result.name = keep(fmt::format("+{}", ++num_names_));
  result.data_type = static_cast<int>(OnnxType::kInt64);
  result.dims = {static_cast<std::int64_t>(values.size())};
  result.values.assign(values.begin(), values.end());
  onnx_.initializers.push_back(std::move(result));
  return onnx_.initializers.back().name;
}

OnnxNode& TfliteGraph::add(const TfliteOperator& op, std::string_view onnx_op,
                           std::vector<std::string_view> inputs,
                           std::vector<std::string_view> outputs) {
  OnnxNode& node = onnx_.nodes.emplace_back();
  const std::string_view name =
      op.outputs.empty() || op.outputs[0] < 0 ? std::string_view() : tensor(op.outputs[0]).name;
  node.name = name.substr(0, name.find(';'));
  if (node.name.empty()) node.name = keep(fmt::format("operator_{}", op.index));
  node.label = keep(
      fmt::format("operator {} {} '{}'", op.index, op.name, printable(std::string(node.name))));
  node.op = onnx_op;
  node.inputs = std::move(inputs);
  node.outputs = std::move(outputs);
  return node;
}

void TfliteGraph::add_unsupported(const TfliteOperator& op, std::size_t num_nodes) {
  onnx_.nodes.resize(num_nodes);
  std::vector<std::string_view> inputs;
  std::vector<std::string_view> outputs;
  for (const int input : op.inputs) {
    if (input >= 0 && !is_known(input)) inputs.push_back(name_of(input));
  }
  for (const int output : op.outputs) {
    if (output < 0) continue;
    OnnxInput value;
    value.name = name_of(output);
    value.has_shape = true;
    value.dims = channels_first(tensor(output).dims);
    outputs.push_back(value.name);
    onnx_.value_infos.push_back(std::move(value));
  }
  add(op, "Unsupported", std::move(inputs), std::move(outputs));
}

OnnxNode& TfliteGraph::add_layer(const TfliteOperator& op, std::string_view onnx_op,
                                 std::vector<std::string_view> inputs,
                                 tfl::FusedActivation activation) {
  const std::string_view given = name_of(output(op));
  if (activation == tfl::FusedActivation::NONE) {
    return add(op, onnx_op, std::move(inputs), {given});
  }
  const std::string_view linear = new_name(output(op));
  const std::size_t at = onnx_.nodes.size();
  add(op, onnx_op, std::move(inputs), {linear});
  add_clip(op, linear, given, activation);
  return onnx_.nodes[at];
}

void TfliteGraph::add_clip(const TfliteOperator& op, std::string_view from, std::string_view to,
                           tfl::FusedActivation activation) {
  using Fused = tfl::FusedActivation;
  if (activation == Fused::RELU || activation == Fused::TANH) {
    add(op, activation == Fused::RELU ? "Relu" : "Tanh", {from}, {to});
    return;
  }
  if (activation != Fused::RELU6 && activation != Fused::RELU_N1_TO_1) {
    throw InputError(
        fmt::format("has the fused activation {}, which is not known; put RELU in its place",
                    static_cast<int>(activation)));
  }
  const bool is_relu6 = activation == Fused::RELU6;
  OnnxNode& node = add(op, "Clip", {from}, {to});
  set_real(node, "min", is_relu6 ? 0.0 : -1.0);
  set_real(node, "max", is_relu6 ? 6.0 : 1.0);
}

void TfliteGraph::define_constant(const TfliteOperator& op, std::size_t from, bool keeps_values) {
  constant_dims(op, from);  // refuses a computed tensor
  const TfliteTensor& source = tensor(input(op, from));
  TfliteTensor& result = tensors_[static_cast<std::size_t>(output(op))];
  result.is_constant = true;
  if (!keeps_values) return;
  result.type = source.type;
  result.data = source.data;
  result.scale = source.scale;
  result.zero_point = source.zero_point;
}

OnnxInput TfliteGraph::input_of(int index) {
  OnnxInput input;
  input.name = name_of(index);
  input.has_shape = !tensor(index).signature.empty();
  input.dims = channels_first(tensor(index).signature);
  return input;
}

void TfliteGraph::add_input(int index) { onnx_.inputs.push_back(input_of(index)); }

void TfliteGraph::add_cut_info(int index) { onnx_.cut_infos.push_back(input_of(index)); }

void TfliteGraph::add_output(int index) { onnx_.outputs.push_back(name_of(index)); }

OnnxModel TfliteGraph::take() { return std::move(onnx_); }

std::vector<std::size_t> TfliteGraph::order_of(std::size_t rank) {
  if (rank == 5) return {0, 3, 4, 1, 2};
  std::vector<std::size_t> order;
  for (std::size_t axis = 0; axis < rank; ++axis) order.push_back(axis);
  if (rank > 2) std::rotate(order.begin() + 1, order.end() - 1, order.end());
  return order;
}

Dims TfliteGraph::channels_first(const Dims& dims) {
  Dims result;
  for (const std::size_t axis : order_of(dims.size())) result.push_back(dims[axis]);
  return result;
}

std::int64_t TfliteGraph::axis_of(std::int64_t axis, std::size_t rank) {
  const std::vector<std::size_t> order = order_of(rank);
  const auto found = std::find(order.begin(), order.end(), tilewake::axis_of(axis, rank));
  return found - order.begin();
}

void set_integer(OnnxNode& node, std::string_view name, std::int64_t value) {
  OnnxAttribute& attribute = node.attributes.emplace_back();
  attribute.name = name;
  attribute.type = static_cast<int>(OnnxAttributeType::kInt);
  attribute.integer = value;
}

void set_integers(OnnxNode& node, std::string_view name, std::vector<std::int64_t> values) {
  OnnxAttribute& attribute = node.attributes.emplace_back();
  attribute.name = name;
  attribute.type = static_cast<int>(OnnxAttributeType::kInts);
  attribute.integers = std::move(values);
}

void set_real(OnnxNode& node, std::string_view name, double value) {
  OnnxAttribute& attribute = node.attributes.emplace_back();
  attribute.name = name;
  attribute.type = static_cast<int>(OnnxAttributeType::kFloat);
  attribute.real = static_cast<float>(value);
}

void set_text(OnnxNode& node, std::string_view name, std::string_view value) {
  OnnxAttribute& attribute = node.attributes.emplace_back();
  attribute.name = name;
  attribute.type = static_cast<int>(OnnxAttributeType::kString);
  attribute.text = value;
}

}  // namespace tilewake
