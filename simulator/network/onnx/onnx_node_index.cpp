// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/onnx_node_index.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "simulator/common/error.hpp"
#include "simulator/network/onnx/onnx_constant.hpp"

namespace tilewake {
namespace {

bool is_one_of(std::string_view op, std::initializer_list<std::string_view> ops) {
  return std::find(ops.begin(), ops.end(), op) != ops.end();
}

/// The values of a tensor; none where the file is wrong, which the reader reports.
OnnxConstant values_or_none(const OnnxTensor& tensor) {
  try {
    return constant_of(tensor);
  } catch (const InputError&) {
    return {};
  }
}

}  // namespace

OnnxNodeIndex::OnnxNodeIndex(OnnxModel& model) {
  for (const OnnxTensor& tensor : model.initializers) tensors_.emplace(tensor.name, &tensor);
  for (OnnxNode& node : model.nodes) {
    for (const auto* values : {&node.inputs, &node.captured}) {
      for (const std::string_view value : *values) {
        ++num_uses_[value];
        readers_[value] = &node;
      }
    }
    if (node.outputs.empty() || node.outputs[0].empty()) continue;
    makers_.emplace(node.outputs[0], &node);
    const OnnxAttribute* value = node.op == "Constant" ? node.find("value") : nullptr;
    if (value != nullptr && value->tensor) tensors_.emplace(node.outputs[0], &*value->tensor);
  }
  for (const std::string_view output : model.outputs) {
    ++num_uses_[output];
    readers_[output] = nullptr;
  }
}

OnnxNode* OnnxNodeIndex::made_by(std::string_view value,
                                 std::initializer_list<std::string_view> ops) const {
  const auto maker = makers_.find(value);
  if (maker == makers_.end()) return nullptr;
  OnnxNode* node = maker->second;
  return node->domain.empty() && is_one_of(node->op, ops) ? node : nullptr;
}

OnnxNode* OnnxNodeIndex::only_reader(std::string_view value,
                                     std::initializer_list<std::string_view> ops) const {
  const auto reader = readers_.find(value);
  if (reader == readers_.end() || reader->second == nullptr || num_uses(value) != 1) return nullptr;
  OnnxNode* node = reader->second;
  return node->domain.empty() && is_one_of(node->op, ops) ? node : nullptr;
}

int OnnxNodeIndex::num_uses(std::string_view value) const {
  const auto uses = num_uses_.find(value);
  return uses == num_uses_.end() ? 0 : uses->second;
}

const OnnxTensor* OnnxNodeIndex::tensor(std::string_view value) const {
  const auto found = tensors_.find(value);
  return found == tensors_.end() ? nullptr : found->second;
}

bool OnnxNodeIndex::is_number(std::string_view value) const {
  if (const OnnxTensor* known = tensor(value); known != nullptr) {
    return std::all_of(known->dims.begin(), known->dims.end(),
                       [](std::int64_t dim) { return dim == 1; });
  }
  return number(value).has_value();
}

std::optional<double> OnnxNodeIndex::number(std::string_view value) const {
  return number(value, 0);
}

std::optional<double> OnnxNodeIndex::number(std::string_view value, int depth) const {
  constexpr int kMaxDepth = 3;
  if (const OnnxTensor* known = tensor(value); known != nullptr) {
    const OnnxConstant constant = values_or_none(*known);
    if (constant.values.size() == 1) return constant.values[0];
    return std::nullopt;
  }
  OnnxNode* node = made_by(value, {"Constant", "Cast", "Sqrt", "Reciprocal", "Mul", "Div"});
  if (node == nullptr || depth == kMaxDepth) return std::nullopt;
  if (node->op == "Constant") {
    if (const OnnxAttribute* real = node->find("value_float")) return real->real;
    if (const OnnxAttribute* whole = node->find("value_int")) {
      return static_cast<double>(whole->integer);
    }
    return std::nullopt;
  }
  std::vector<double> operands;
  if (node->inputs.size() > 2) return std::nullopt;
  for (const std::string_view input : node->inputs) {
    const std::optional<double> operand = number(input, depth + 1);
    if (!operand) return std::nullopt;
    operands.push_back(*operand);
  }
  if (operands.size() == 1) {
    if (node->op == "Cast") return operands[0];
    if (node->op == "Sqrt") return std::sqrt(operands[0]);
    if (node->op == "Reciprocal") return 1.0 / operands[0];
  }
  if (operands.size() == 2) {
    if (node->op == "Mul") return operands[0] * operands[1];
    if (node->op == "Div") return operands[0] / operands[1];
  }
  return std::nullopt;
}

std::optional<std::vector<std::int64_t>> OnnxNodeIndex::integers(std::string_view value) const {
  if (const OnnxTensor* known = tensor(value); known != nullptr) {
    const OnnxConstant constant = values_or_none(*known);
    if (!constant.has_values) return std::nullopt;
    std::vector<std::int64_t> integers;
    for (const double number : constant.values) {
      if (!(std::abs(number) < 0x1p53)) return std::nullopt;
      integers.push_back(static_cast<std::int64_t>(number));
    }
    return integers;
  }
  const OnnxNode* node = made_by(value, {"Constant"});
  const OnnxAttribute* list = node == nullptr ? nullptr : node->find("value_ints");
  if (list == nullptr || list->integers.size() > kMaxTensorValues) return std::nullopt;
  return list->integers;
}

bool is_near(double value, double expected) {
  return std::abs(value - expected) <= 0.01 * std::abs(expected) + 1e-6;
}

bool OnnxNodeIndex::is_number_near(std::string_view value, double expected) const {
  if (!is_number(value)) return false;
  const std::optional<double> known = number(value);
  return !known || is_near(*known, expected);
}

int OnnxNodeIndex::number_input(const OnnxNode& node) const {
  if (node.inputs.size() != 2) return -1;
  const bool first = is_number(node.inputs[0]);
  const bool second = is_number(node.inputs[1]);
  return first == second ? -1 : first ? 0 : 1;
}

std::optional<std::vector<std::int64_t>> OnnxNodeIndex::reduced_axes(
    const OnnxNode& reduction) const {
  const OnnxAttribute* keeps = reduction.find("keepdims");
  if (keeps != nullptr && keeps->integer == 0) return std::nullopt;
  if (const OnnxAttribute* axes = reduction.find("axes")) return axes->integers;
  if (reduction.inputs.size() < 2) return std::nullopt;
  return integers(reduction.inputs[1]);
}

bool OnnxPattern::is_closed() const {
  return std::all_of(reads_.begin(), reads_.end(), [&](const auto& read) {
    return index_.num_uses(read.first->outputs[0]) == read.second &&
           std::all_of(read.first->outputs.begin() + 1, read.first->outputs.end(),
                       [&](std::string_view value) { return index_.num_uses(value) == 0; });
  });
}

void OnnxPattern::replace(OnnxNode& last, std::string_view op, std::vector<std::string_view> inputs,
                          std::vector<OnnxAttribute> attributes) {
  for (const auto& [node, count] : reads_) *node = OnnxNode{};
  last.op = op;
  last.inputs = std::move(inputs);
  last.attributes = std::move(attributes);
}

}  // namespace tilewake
