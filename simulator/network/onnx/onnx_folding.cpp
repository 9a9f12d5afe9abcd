// SPDX-License-Identifier: Apache-2.0
// Nodes that are decided before the network runs: operators on constants, and If.
#include "simulator/network/onnx/onnx_folding.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/network/onnx/onnx_operators.hpp"

namespace tilewake {
namespace {

/// The node in a graph of its own, where inputs of which `is_map` holds are maps of the same dims.
bool fold_with(OnnxValues& values, const OnnxNode& node, const std::vector<bool>& is_map) {
  std::unordered_map<std::string_view, int> num_uses;
  for (const std::string_view output : node.outputs) {
    if (!output.empty()) num_uses[output] = 2;  // nothing is fused with what comes after
  }
  OnnxValues scratch({1, 1, 1}, /*batch=*/1, std::move(num_uses));
  scratch.set_opset(values.opset());
  OnnxNode alone = node;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    if (!OnnxValues::has_input(node, i)) continue;
    OnnxNode reader;
    reader.inputs = {scratch.keep_text(fmt::format("constant{}", i))};
    OnnxConstant constant = values.constant(node, i);
    const Dims dims = constant.dims;
    OnnxValue value;
    value.constant = std::make_shared<const OnnxConstant>(std::move(constant));
    scratch.define(reader.inputs[0], std::move(value));
    alone.inputs[i] = reader.inputs[0];
    if (!is_map[i]) continue;
    alone.inputs[i] = scratch.keep_text(fmt::format("map{}", i));
    scratch.define(alone.inputs[i], scratch.map_or_constant(reader, 0));
  }
  const OnnxOperator read = find_onnx_operator(node.op);
  if (read == nullptr || read == read_host) return false;
  read(scratch, scratch.keep(std::move(alone)));
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].empty() || values.is_defined(node.outputs[i])) continue;
    const OnnxValue* result = scratch.output(node.outputs[i]);
    if (result == nullptr) continue;
    OnnxConstant constant;
    constant.dims = result->constant != nullptr ? result->constant->dims : result->dims;
    values.define_constant(node, std::move(constant), i);
  }
  return true;
}

/// How often the nodes of a graph read each name.
std::unordered_map<std::string_view, int> reads_of(const OnnxSubgraph& graph,
                                                   const std::vector<const OnnxNode*>& nodes) {
  std::unordered_map<std::string_view, int> reads;
  for (const OnnxNode* node : nodes) {
    for (const auto* names : {&node->inputs, &node->captured}) {
      for (const std::string_view name : *names) {
        if (!name.empty()) ++reads[name];
      }
    }
  }
  for (const std::string_view output : graph.outputs) ++reads[output];
  return reads;
}

/// The nodes that the outputs need, in order.
std::vector<const OnnxNode*> needed_nodes(const OnnxSubgraph& graph) {
  std::unordered_map<std::string_view, bool> is_needed;
  for (const std::string_view output : graph.outputs) is_needed[output] = true;
  std::vector<const OnnxNode*> nodes;
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    const bool is_used = std::any_of(
        node->outputs.begin(), node->outputs.end(),
        [&](std::string_view output) { return !output.empty() && is_needed.contains(output); });
    if (!is_used) continue;
    nodes.push_back(&*node);
    for (const auto* names : {&node->inputs, &node->captured}) {
      for (const std::string_view name : *names) is_needed[name] = true;
    }
  }
  std::reverse(nodes.begin(), nodes.end());
  return nodes;
}

}  // namespace

bool reads_constants_only(OnnxValues& values, const OnnxNode& node) {
  bool has_inputs = false;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    if (!OnnxValues::has_input(node, i)) continue;
    if (!values.is_defined(node.inputs[i]) || !values.is_constant(node, i)) return false;
    has_inputs = true;
  }
  return has_inputs && node.captured.empty();
}

bool fold_dims(OnnxValues& values, const OnnxNode& node) {
  // What else an operator reads is mostly sizes; joins and products read several maps.
  const std::size_t count = node.inputs.size();
  for (const std::size_t num_maps : {std::size_t{1}, std::size_t{2}, count}) {
    if (num_maps > count) break;
    std::vector<bool> is_map(count, false);
    std::fill(is_map.begin(), is_map.begin() + static_cast<std::ptrdiff_t>(num_maps), true);
    try {
      return fold_with(values, node, is_map);
    } catch (const InputError&) {
      // The operator needs other inputs as maps, or none will do.
    }
  }
  return false;
}

void read_if(OnnxValues& values, const OnnxNode& node) {
  const bool is_known = OnnxValues::has_input(node, 0) && values.is_constant(node, 0) &&
                        values.constant(node, 0).has_values &&
                        values.constant(node, 0).values.size() == 1;
  if (!is_known) {
    throw InputError(
        "is not supported: control flow is not modelled, and its condition depends on what the "
        "network reads; export a model without it");
  }
  const bool holds = values.constant(node, 0).values[0] != 0.0;
  const char* branch_name = holds ? "then_branch" : "else_branch";
  const OnnxAttribute* branch = node.find(branch_name);
  if (branch == nullptr || branch->graph == nullptr) {
    throw InputError(fmt::format("has no {}", branch_name));
  }
  const OnnxSubgraph& graph = *branch->graph;
  if (graph.outputs.size() != node.outputs.size()) {
    throw InputError(fmt::format("has {} outputs, its {} has {}", node.outputs.size(), branch_name,
                                 graph.outputs.size()));
  }
  const std::vector<const OnnxNode*> nodes = needed_nodes(graph);
  auto reads = reads_of(graph, nodes);
  // Names from outside are counted once for both branches.
  for (const std::string_view name : node.captured) --reads[name];
  for (const auto& [name, count] : reads) values.add_uses(name, count);
  for (const OnnxTensor& tensor : graph.initializers) {
    if (reads.contains(tensor.name)) values.define_initializer(tensor);
  }
  for (const OnnxNode* inner : nodes) {
    try {
      read_onnx_node(values, *inner);
    } catch (const LayerError& e) {
      throw InputError(
          fmt::format("{}: node {}: {}: {}", branch_name, text_of(*inner), e.key(), e.what()));
    } catch (const InputError& e) {
      throw InputError(fmt::format("{}: node {}: {}", branch_name, text_of(*inner), e.what()));
    }
  }
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    if (node.outputs[i].empty()) continue;
    OnnxNode same;
    same.name = node.name;
    same.label = values.keep_text(text_of(node));
    same.op = "Identity";
    same.inputs = {graph.outputs[i]};
    same.outputs = {node.outputs[i]};
    read_onnx_node(values, values.keep(std::move(same)));
  }
}

}  // namespace tilewake
