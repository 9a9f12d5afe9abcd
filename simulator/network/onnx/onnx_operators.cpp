// SPDX-License-Identifier: Apache-2.0
// All operators, and those that are others with scales among their inputs, or several in one.
#include "simulator/network/onnx/onnx_operators.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/network/onnx/onnx_folding.hpp"

namespace tilewake {
namespace {

/// Reads `node` as operator `op` of some of its inputs.
void read_as(OnnxValues& values, const OnnxNode& node, std::string_view op,
             const std::vector<std::size_t>& inputs) {
  OnnxNode other = node;
  other.op = op;
  other.label = values.keep_text(text_of(node));
  other.inputs.clear();
  for (const std::size_t input : inputs) {
    other.inputs.push_back(input < node.inputs.size() ? node.inputs[input] : std::string_view());
  }
  while (!other.inputs.empty() && other.inputs.back().empty()) other.inputs.pop_back();
  find_onnx_operator(op)(values, values.keep(std::move(other)));
}

/// A part of a node, whose result the next part reads. Returns the name of the result.
std::string_view read_part(OnnxValues& values, const OnnxNode& node, std::string_view op,
                           const std::vector<std::string_view>& inputs) {
  OnnxNode part = node;
  part.op = op;
  part.label = values.keep_text(text_of(node));
  part.inputs = inputs;
  const std::string_view name =
      values.keep_text(std::string(node.outputs.at(0)) + "." + std::string(op));
  part.outputs = {name};
  values.add_uses(name, 1);
  find_onnx_operator(op)(values, values.keep(std::move(part)));
  return name;
}

void read_last_part(OnnxValues& values, const OnnxNode& node, std::string_view op,
                    const std::vector<std::string_view>& inputs) {
  OnnxNode part = node;
  part.op = op;
  part.label = values.keep_text(text_of(node));
  part.inputs = inputs;
  find_onnx_operator(op)(values, values.keep(std::move(part)));
}

void read_qlinear_add(OnnxValues& values, const OnnxNode& node) {
  read_as(values, node, "Add", {0, 3});
}

void read_qlinear_mul(OnnxValues& values, const OnnxNode& node) {
  read_as(values, node, "Mul", {0, 3});
}

void read_qgemm(OnnxValues& values, const OnnxNode& node) {
  read_as(values, node, "Gemm", {0, 3, 6});
}

void read_qlinear_softmax(OnnxValues& values, const OnnxNode& node) {
  read_as(values, node, "Softmax", {0});
}

void read_qlinear_average_pool(OnnxValues& values, const OnnxNode& node) {
  read_as(values, node, "AveragePool", {0});
}

void read_scaled_mat_mul(OnnxValues& values, const OnnxNode& node) {
  read_as(values, node, "MatMul", {0, 1});
}

void read_bias_gelu(OnnxValues& values, const OnnxNode& node) {
  if (!OnnxValues::has_input(node, 1)) return read_as(values, node, "Gelu", {0});
  const std::string_view sum = read_part(values, node, "Add", {node.inputs[0], node.inputs[1]});
  read_last_part(values, node, "Gelu", {sum});
}

/// A convolution or product, perhaps a sum with another map, and an activation.
void read_fused(OnnxValues& values, const OnnxNode& node) {
  const bool is_conv = node.op == "FusedConv";
  const std::string_view op = is_conv ? "Conv" : "Gemm";
  const std::string_view activation = text_attribute(node, "activation", "");
  const bool has_sum = is_conv && OnnxValues::has_input(node, 3);
  std::vector<std::string_view> inputs(
      node.inputs.begin(), node.inputs.begin() + static_cast<std::ptrdiff_t>(
                                                     std::min<std::size_t>(node.inputs.size(), 3)));
  while (!inputs.empty() && inputs.back().empty()) inputs.pop_back();
  if (!has_sum && activation.empty()) return read_last_part(values, node, op, inputs);
  std::string_view result = read_part(values, node, op, inputs);
  if (has_sum) {
    if (activation.empty()) return read_last_part(values, node, "Add", {result, node.inputs[3]});
    result = read_part(values, node, "Add", {result, node.inputs[3]});
  }
  const OnnxOperator read = find_elementwise_operator(activation);
  if (read == nullptr) throw InputError("has an activation that is not known");
  OnnxNode last = node;
  last.op = activation;
  last.attributes.clear();
  last.label = values.keep_text(text_of(node));
  last.inputs = {result};
  read(values, values.keep(std::move(last)));
}

constexpr auto kQuantizedOperators = std::to_array<std::pair<std::string_view, OnnxOperator>>({
    {"QLinearAdd", read_qlinear_add},
    {"QLinearMul", read_qlinear_mul},
    {"QGemm", read_qgemm},
    {"QLinearSoftmax", read_qlinear_softmax},
    {"QLinearAveragePool", read_qlinear_average_pool},
    {"MatMulIntegerToFloat", read_scaled_mat_mul},
    {"DynamicQuantizeMatMul", read_scaled_mat_mul},
    {"BiasGelu", read_bias_gelu},
    {"FastGelu", read_bias_gelu},
    {"FusedConv", read_fused},
    {"FusedGemm", read_fused},
});

/// What to do about operators that are often met and have no counterpart here.
constexpr auto kAdvice = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"DeformConv", "windows whose taps the network moves are not modelled"},
    {"LSTM", "recurrent layers are not modelled"},
    {"GRU", "recurrent layers are not modelled"},
    {"RNN", "recurrent layers are not modelled"},
    {"Loop", "control flow is not modelled; export a model without it"},
    {"Scan", "control flow is not modelled; export a model without it"},
    {"SequenceAt", "sequences are not modelled; export a model without them"},
    {"SequenceConstruct", "sequences are not modelled; export a model without them"},
    {"SequenceEmpty", "sequences are not modelled; export a model without them"},
    {"SequenceErase", "sequences are not modelled; export a model without them"},
    {"SequenceInsert", "sequences are not modelled; export a model without them"},
    {"SequenceLength", "sequences are not modelled; export a model without them"},
    {"SequenceMap", "sequences are not modelled; export a model without them"},
    {"SplitToSequence", "sequences are not modelled; export a model without them"},
    {"ConcatFromSequence", "sequences are not modelled; export a model without them"},
});

/// Operators of ONNX Runtime, of which some are read.
constexpr std::string_view kRuntimeDomain = "com.microsoft";

OnnxOperator find_quantized_operator(std::string_view op) {
  for (const auto& [name, read] : kQuantizedOperators) {
    if (name == op) return read;
  }
  return nullptr;
}

}  // namespace

void read_onnx_node(OnnxValues& values, const OnnxNode& node) {
  if (!node.domain.empty() && node.domain != kRuntimeDomain) {
    throw InputError(
        fmt::format("operators of the domain '{}' are not known; export the model with ONNX's own",
                    printable(std::string(node.domain))));
  }
  // Of ONNX Runtime's operators some read N x H x W x C.
  if (integer_attribute(node, "channels_last", node.op == "GroupNorm" ? 1 : 0) != 0) {
    throw InputError("has channels last");
  }
  if (node.op == "If") return read_if(values, node);
  const OnnxOperator read = find_onnx_operator(node.op);
  if (read == nullptr) {
    for (const auto& [op, advice] : kAdvice) {
      if (op == node.op) throw InputError(fmt::format("is not supported: {}", advice));
    }
    throw InputError("is not supported (simulator/network/onnx/README.md lists what is)");
  }
  if (!reads_constants_only(values, node)) return read(values, node);
  try {
    read(values, node);
  } catch (const InputError&) {
    if (!fold_dims(values, node)) throw;
  }
}

OnnxOperator find_onnx_operator(std::string_view op) {
  for (const auto find :
       {find_quantized_operator, find_window_operator, find_matrix_operator, find_norm_operator,
        find_elementwise_operator, find_piece_operator, find_shape_operator, find_host_operator}) {
    if (const OnnxOperator read = find(op); read != nullptr) return read;
  }
  return nullptr;
}

}  // namespace tilewake
