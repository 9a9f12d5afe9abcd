// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/onnx_cut.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/nearest_name.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

class OnnxCut {
 public:
  explicit OnnxCut(OnnxModel& model) : model_(model) {
    for (OnnxNode& node : model.nodes) {
      if (!node.name.empty()) add_name(node);
      for (const std::string_view output : node.outputs) by_output_.emplace(output, &node);
      for (const std::string_view input : node.inputs) is_read_.insert(input);
    }
    for (const std::string_view output : model.outputs) is_read_.insert(output);
    by_output_.erase(std::string_view());
  }

  void end_at(const std::vector<std::string>& names) {
    std::vector<std::string_view> outputs;
    const auto add = [&](std::string_view output) {
      if (std::find(outputs.begin(), outputs.end(), output) == outputs.end()) {
        outputs.push_back(output);
      }
    };
    for (const std::string& name : names) {
      const OnnxNode& node = *find("--until", name).last;
      if (!by_name_.contains(name)) {
        add(by_output_.find(name)->first);
        continue;
      }
      if (node.outputs.empty()) fail("--until", name, "gives nothing");
      for (std::size_t i = 0; i < node.outputs.size(); ++i) {
        if (i == 0 || is_read_.contains(node.outputs[i])) add(node.outputs[i]);
      }
    }
    model_.outputs = std::move(outputs);
  }

  void begin_at(const std::vector<std::string>& names) {
    find_computed();
    std::vector<OnnxInput> inputs;
    for (const std::string& name : names) {
      const OnnxNode& node = *find("--from", name).first;
      bool reads_map = false;
      for (const std::string_view input : node.inputs) {
        if (!is_computed_.contains(input)) continue;
        reads_map = true;
        if (!is_input_.insert(input).second) continue;
        inputs.push_back(input_of(input));
      }
      if (!reads_map) fail("--from", name, "reads no feature map");
    }
    // Nobody else gives what is an input now.
    for (const OnnxInput& input : inputs) {
      const auto node = by_output_.find(input.name);
      if (node == by_output_.end()) continue;
      std::replace(node->second->outputs.begin(), node->second->outputs.end(), input.name,
                   std::string_view());
    }
    for (OnnxInput& input : model_.inputs) {
      if (!is_input_.contains(input.name)) inputs.push_back(std::move(input));
    }
    model_.inputs = std::move(inputs);
  }

 private:
  /// The nodes of one operator of another format.
  struct Named {
    OnnxNode* first = nullptr;
    OnnxNode* last = nullptr;
  };

  void add_name(OnnxNode& node) {
    const auto [found, is_new] = by_name_.emplace(node.name, Named{&node, &node});
    if (is_new) return;
    if (node.label.empty() || found->second.last->label != node.label) {
      ambiguous_.insert(node.name);
    }
    found->second.last = &node;
  }

  [[noreturn]] static void fail(const char* option, const std::string& name,
                                std::string_view what) {
    throw InputError(fmt::format("{}: '{}' {}", option, printable(name), what));
  }

  Named find(const char* option, const std::string& name) const {
    if (ambiguous_.contains(name)) {
      fail(option, name, "is the name of several nodes; name a value that the node gives");
    }
    if (const auto node = by_name_.find(name); node != by_name_.end()) return node->second;
    if (const auto node = by_output_.find(name); node != by_output_.end()) {
      return {node->second, node->second};
    }
    std::vector<std::string_view> names;
    for (const auto& [known, node] : by_name_) names.push_back(known);
    for (const auto& [known, node] : by_output_) names.push_back(known);
    std::sort(names.begin(), names.end());
    fail(option, name,
         fmt::format("is no node of the model{}", printable(suggestion(name, names))));
  }

  /// What depends on an input of the graph, other than through its shape.
  void find_computed() {
    std::unordered_set<std::string_view> given;
    for (const OnnxTensor& tensor : model_.initializers) given.insert(tensor.name);
    for (const OnnxInput& input : model_.inputs) {
      if (!given.contains(input.name)) is_computed_.insert(input.name);
    }
    for (const OnnxNode& node : model_.nodes) {
      if (node.op == "Shape" || node.op == "Size") continue;
      const bool is_computed =
          std::any_of(node.inputs.begin(), node.inputs.end(),
                      [&](std::string_view input) { return is_computed_.contains(input); });
      if (is_computed) is_computed_.insert(node.outputs.begin(), node.outputs.end());
    }
    is_computed_.erase(std::string_view());
  }

  OnnxInput input_of(std::string_view name) {
    for (const auto* known : {&model_.inputs, &model_.value_infos, &model_.cut_infos}) {
      for (const OnnxInput& value : *known) {
        if (value.name == name) return value;
      }
    }
    OnnxInput input;
    input.name = name;
    return input;
  }

  OnnxModel& model_;
  std::unordered_map<std::string_view, Named> by_name_;
  std::unordered_map<std::string_view, OnnxNode*> by_output_;
  std::unordered_set<std::string_view> ambiguous_;
  std::unordered_set<std::string_view> is_read_;
  std::unordered_set<std::string_view> is_computed_;
  std::unordered_set<std::string_view> is_input_;
};

}  // namespace

void cut_onnx(OnnxModel& model, const ModelOptions& options) {
  if (options.until.empty() && options.from.empty()) return;
  OnnxCut cut(model);
  if (!options.until.empty()) cut.end_at(options.until);
  if (!options.from.empty()) cut.begin_at(options.from);
}

}  // namespace tilewake
