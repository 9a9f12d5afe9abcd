// SPDX-License-Identifier: Apache-2.0
// Operators with a window, weights or arithmetic: what becomes a layer, or a part of one.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/network/limits.hpp"
#include "simulator/network/onnx/onnx_constant.hpp"
#include "simulator/network/tflite/tflite_operators.hpp"

namespace tilewake {
namespace {

using Code = tfl::BuiltinOperator;
using Options = tfl::OptionsType;

/// The fields that all operators with a window have.
template <typename T>
void set_window(OnnxNode& node, const T& options) {
  if (options.padding() != tfl::Padding::SAME && options.padding() != tfl::Padding::VALID) {
    throw InputError(fmt::format("has padding {}, which is none of SAME (0) and VALID (1)",
                                 static_cast<int>(options.padding())));
  }
  set_text(node, "auto_pad", options.padding() == tfl::Padding::SAME ? "SAME_UPPER" : "VALID");
  set_integers(node, "strides", {options.stride_height(), options.stride_width()});
}

template <typename T>
void set_dilations(OnnxNode& node, const T& options) {
  set_integers(node, "dilations", {options.dilation_height(), options.dilation_width()});
}

template <typename T>
const T& needed_options(const TfliteGraph& graph, const TfliteOperator& op, Options type) {
  const T* options = graph.model().options_of<T>(op, type);
  if (options == nullptr) throw InputError("has no options, which hold its padding and strides");
  return *options;
}

const Dims& weights_of(const TfliteGraph& graph, const TfliteOperator& op, std::size_t rank) {
  const Dims& weights = graph.constant_dims(op, 1);
  if (weights.size() != rank) {
    throw InputError(
        fmt::format("has weights of {}; expected {} dimensions", text_of(weights), rank));
  }
  for (const std::int64_t dim : weights) {
    if (dim < 1 || dim > kMaxDimension) {
      throw InputError(fmt::format("has weights of {}; sizes must be from 1 to {}",
                                   text_of(weights), kMaxDimension));
    }
  }
  return weights;
}

/// Input and weights of a layer, and its bias where it has one.
std::vector<std::string_view> layer_inputs(TfliteGraph& graph, const TfliteOperator& op,
                                           const Dims& weights) {
  std::vector<std::string_view> inputs = {graph.map(op, 0), graph.constant(op, 1, weights)};
  if (TfliteGraph::has_input(op, 2)) {
    inputs.push_back(graph.constant(op, 2, graph.constant_dims(op, 2)));
  }
  return inputs;
}

std::int64_t num_channels(const TfliteGraph& graph, const TfliteOperator& op) {
  const Dims& dims = graph.tensor(graph.input(op, 0)).dims;
  return dims.empty() ? 0 : dims.back();
}

void read_tflite_conv(TfliteGraph& graph, const TfliteOperator& op) {
  const auto& options = needed_options<tfl::Conv2D>(graph, op, Options::CONV_2D);
  const Dims weights = weights_of(graph, op, 4);  // out, rows, columns, in of a group
  OnnxNode& node = graph.add_layer(
      op, "Conv", layer_inputs(graph, op, {weights[0], weights[3], weights[1], weights[2]}),
      options.activation());
  set_window(node, options);
  set_dilations(node, options);
  set_integer(node, "group", std::max<std::int64_t>(num_channels(graph, op) / weights[3], 1));
}

/// Weights of 1 x rows x columns x out. With a multiplier above 1 each channel is a group.
void read_tflite_depthwise(TfliteGraph& graph, const TfliteOperator& op) {
  const auto& options = needed_options<tfl::DepthwiseConv2D>(graph, op, Options::DEPTHWISE_CONV_2D);
  const Dims weights = weights_of(graph, op, 4);
  const std::int64_t channels = num_channels(graph, op);
  if (weights[0] != 1 || channels < 1 || weights[3] % channels != 0) {
    throw InputError(fmt::format("has weights of {} for {} channels", text_of(weights), channels));
  }
  OnnxNode& node =
      graph.add_layer(op, "Conv", layer_inputs(graph, op, {weights[3], 1, weights[1], weights[2]}),
                      options.activation());
  set_window(node, options);
  set_dilations(node, options);
  set_integer(node, "group", channels);
}

/// A vector, or a map flattened to one. With keep_num_dims each pixel is one: a convolution of one
/// tap.
void read_tflite_dense(TfliteGraph& graph, const TfliteOperator& op) {
  const auto* options = graph.model().options_of<tfl::FullyConnected>(op, Options::FULLY_CONNECTED);
  const auto activation = options == nullptr ? tfl::FusedActivation::NONE : options->activation();
  if (options != nullptr && options->weights_format() != 0) {
    throw InputError("has its weights in a shuffled order; convert the model without it");
  }
  const Dims weights = weights_of(graph, op, 2);  // out, in
  const std::size_t rank = graph.rank(graph.input(op, 0));
  if (rank == 4 && options != nullptr && options->keeps_dims()) {
    graph.add_layer(op, "Conv", layer_inputs(graph, op, {weights[0], weights[1], 1, 1}),
                    activation);
    return;
  }
  std::vector<std::string_view> inputs = layer_inputs(graph, op, weights);
  const std::string_view vector = graph.new_name(graph.output(op));
  set_integers(graph.add(op, "Reshape", {inputs[0]}, {vector}), "shape", {-1, weights[1]});
  inputs[0] = vector;
  set_integer(graph.add_layer(op, "Gemm", std::move(inputs), activation), "transB", 1);
}

void read_tflite_pool(TfliteGraph& graph, const TfliteOperator& op) {
  const auto& options = needed_options<tfl::Pool2D>(graph, op, Options::POOL_2D);
  OnnxNode& node = graph.add_layer(op, op.code == Code::MAX_POOL_2D ? "MaxPool" : "AveragePool",
                                   {graph.map(op, 0)}, options.activation());
  set_window(node, options);
  set_integers(node, "kernel_shape", {options.kernel_height(), options.kernel_width()});
}

/// ADD, SUB, MUL and DIV have the same first option.
tfl::FusedActivation fused_activation(const TfliteGraph& graph, const TfliteOperator& op) {
  const auto type = op.code == Code::ADD   ? Options::ADD
                    : op.code == Code::SUB ? Options::SUB
                    : op.code == Code::MUL ? Options::MUL
                    : op.code == Code::DIV ? Options::DIV
                                           : Options::NONE;
  if (type == Options::NONE) return tfl::FusedActivation::NONE;
  const auto* options = graph.model().options_of<tfl::Arithmetic>(op, type);
  return options == nullptr ? tfl::FusedActivation::NONE : options->activation();
}

/// Operators with two operands by their names in ONNX.
constexpr auto kPairOperators = std::to_array<std::pair<Code, std::string_view>>({
    {Code::ADD, "Add"},
    {Code::SUB, "Sub"},
    {Code::MUL, "Mul"},
    {Code::DIV, "Div"},
    {Code::POW, "Pow"},
    {Code::EQUAL, "Equal"},
    {Code::LESS, "Less"},
    {Code::LESS_EQUAL, "LessOrEqual"},
    {Code::GREATER, "Greater"},
    {Code::GREATER_EQUAL, "GreaterOrEqual"},
});

void read_tflite_arithmetic(TfliteGraph& graph, const TfliteOperator& op) {
  const auto* name = std::find_if(kPairOperators.begin(), kPairOperators.end(),
                                  [&](const auto& entry) { return entry.first == op.code; });
  const std::string_view onnx_op = name->second;
  const int a = graph.input(op, 0);
  const int b = graph.input(op, 1);
  if (graph.is_known(a) && graph.is_known(b)) {
    graph.add(op, onnx_op, {graph.raw(op, 0), graph.raw(op, 1)}, {graph.name_of(graph.output(op))});
    return graph.define_shape_value(graph.output(op));
  }
  const std::size_t rank =
      std::max(graph.is_known(a) ? 0 : graph.rank(a), graph.is_known(b) ? 0 : graph.rank(b));
  graph.add_layer(op, onnx_op, {graph.operand(op, 0, rank), graph.operand(op, 1, rank)},
                  fused_activation(graph, op));
}

/// A sum of several maps is added one by one.
void read_tflite_add_n(TfliteGraph& graph, const TfliteOperator& op) {
  if (op.inputs.size() < 2) throw InputError("adds fewer than two maps");
  std::string_view sum = graph.map(op, 0);
  for (std::size_t i = 1; i < op.inputs.size(); ++i) {
    const bool is_last = i + 1 == op.inputs.size();
    const int output = graph.output(op);
    const std::string_view next = is_last ? graph.name_of(output) : graph.new_name(output);
    graph.add(op, "Add", {sum, graph.map(op, i)}, {next});
    sum = next;
  }
}

/// Functions of one element that ONNX has by another name.
void read_tflite_activation(TfliteGraph& graph, const TfliteOperator& op) {
  constexpr auto kNames = std::to_array<std::pair<Code, std::string_view>>({
      {Code::RELU, "Relu"},
      {Code::LOGISTIC, "Sigmoid"},
      {Code::HARD_SWISH, "HardSwish"},
      {Code::LEAKY_RELU, "LeakyRelu"},
      {Code::TANH, "Tanh"},
      {Code::ELU, "Elu"},
      {Code::GELU, "Gelu"},
      {Code::EXP, "Exp"},
      {Code::LOG, "Log"},
      {Code::SQRT, "Sqrt"},
      {Code::ABS, "Abs"},
      {Code::NEG, "Neg"},
      {Code::FLOOR, "Floor"},
      {Code::CEIL, "Ceil"},
      {Code::ROUND, "Round"},
      {Code::SIN, "Sin"},
      {Code::COS, "Cos"},
  });
  const auto* name = std::find_if(kNames.begin(), kNames.end(),
                                  [&](const auto& entry) { return entry.first == op.code; });
  graph.add(op, name->second, {graph.map(op, 0)}, {graph.name_of(graph.output(op))});
}

void read_tflite_clip(TfliteGraph& graph, const TfliteOperator& op) {
  const std::string_view from = graph.map(op, 0);
  graph.add_clip(
      op, from, graph.name_of(graph.output(op)),
      op.code == Code::RELU6 ? tfl::FusedActivation::RELU6 : tfl::FusedActivation::RELU_N1_TO_1);
}

/// A map, or a constant beside maps in their order of axes.
std::string_view joined_input(TfliteGraph& graph, const TfliteOperator& op, std::size_t index) {
  if (!graph.is_constant(op, index)) return graph.map(op, index);
  return graph.constant(op, index, TfliteGraph::channels_first(graph.constant_dims(op, index)));
}

void read_tflite_concatenation(TfliteGraph& graph, const TfliteOperator& op) {
  const auto* options = graph.model().options_of<tfl::Concatenation>(op, Options::CONCATENATION);
  const std::int64_t axis = options == nullptr ? 0 : options->axis();
  bool is_known = true;
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    is_known = is_known && graph.is_known(graph.input(op, i));
  }
  std::vector<std::string_view> inputs;
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    inputs.push_back(is_known ? graph.raw(op, i) : joined_input(graph, op, i));
  }
  const int output = graph.output(op);
  if (is_known) {
    graph.define_shape_value(output);
    return set_integer(graph.add(op, "Concat", std::move(inputs), {graph.name_of(output)}), "axis",
                       axis);
  }
  const std::size_t rank = graph.rank(graph.input(op, 0));
  OnnxNode& node =
      graph.add_layer(op, "Concat", std::move(inputs),
                      options == nullptr ? tfl::FusedActivation::NONE : options->activation());
  set_integer(node, "axis", TfliteGraph::axis_of(axis, rank));
}

constexpr auto kTfliteLayerOperators = std::to_array<std::pair<Code, TfliteOperatorReader>>({
    {Code::CONV_2D, read_tflite_conv},
    {Code::DEPTHWISE_CONV_2D, read_tflite_depthwise},
    {Code::FULLY_CONNECTED, read_tflite_dense},
    {Code::MAX_POOL_2D, read_tflite_pool},
    {Code::AVERAGE_POOL_2D, read_tflite_pool},
    {Code::ADD, read_tflite_arithmetic},
    {Code::SUB, read_tflite_arithmetic},
    {Code::MUL, read_tflite_arithmetic},
    {Code::DIV, read_tflite_arithmetic},
    {Code::POW, read_tflite_arithmetic},
    {Code::EQUAL, read_tflite_arithmetic},
    {Code::LESS, read_tflite_arithmetic},
    {Code::LESS_EQUAL, read_tflite_arithmetic},
    {Code::GREATER, read_tflite_arithmetic},
    {Code::GREATER_EQUAL, read_tflite_arithmetic},
    {Code::ADD_N, read_tflite_add_n},
    {Code::RELU, read_tflite_activation},
    {Code::RELU6, read_tflite_clip},
    {Code::RELU_N1_TO_1, read_tflite_clip},
    {Code::TANH, read_tflite_activation},
    {Code::ELU, read_tflite_activation},
    {Code::LOGISTIC, read_tflite_activation},
    {Code::HARD_SWISH, read_tflite_activation},
    {Code::LEAKY_RELU, read_tflite_activation},
    {Code::GELU, read_tflite_activation},
    {Code::EXP, read_tflite_activation},
    {Code::LOG, read_tflite_activation},
    {Code::SQRT, read_tflite_activation},
    {Code::ABS, read_tflite_activation},
    {Code::NEG, read_tflite_activation},
    {Code::FLOOR, read_tflite_activation},
    {Code::CEIL, read_tflite_activation},
    {Code::ROUND, read_tflite_activation},
    {Code::SIN, read_tflite_activation},
    {Code::COS, read_tflite_activation},
    {Code::CONCATENATION, read_tflite_concatenation},
});

}  // namespace

TfliteOperatorReader find_tflite_layer_operator(tfl::BuiltinOperator code) {
  for (const auto& [known, read] : kTfliteLayerOperators) {
    if (known == code) return read;
  }
  return nullptr;
}

std::string_view tflite_advice(const TfliteOperator& op) {
  switch (op.code) {
    case Code::LSTM:
    case Code::RNN:
    case Code::UNIDIRECTIONAL_SEQUENCE_LSTM:
    case Code::UNIDIRECTIONAL_SEQUENCE_RNN:
    case Code::BIDIRECTIONAL_SEQUENCE_LSTM:
    case Code::BIDIRECTIONAL_SEQUENCE_RNN:
    case Code::SVDF:
      return "recurrent layers are not modelled";
    case Code::IF:
    case Code::WHILE:
    case Code::CALL:
    case Code::CALL_ONCE:
    case Code::VAR_HANDLE:
    case Code::READ_VARIABLE:
    case Code::ASSIGN_VARIABLE:
      return "control flow and variables are not modelled; convert a model without them";
    case Code::SPACE_TO_BATCH_ND:
    case Code::BATCH_TO_SPACE_ND:
      return "images made of pixels are not modelled; use dilated convolutions";
    case Code::CUSTOM:
      if (op.custom_name == "edgetpu-custom-op" || op.custom_name == "ethos-u") {
        return "the model is compiled for one device and has no layers any more; give the file "
               "from "
               "before the compiler";
      }
      break;
    default:
      break;
  }
  return "simulator/network/tflite/README.md lists what is; cut the model before this operator, or "
         "convert it without";
}

}  // namespace tilewake
