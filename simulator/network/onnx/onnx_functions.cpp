// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/onnx_functions.hpp"

#include <cstddef>
#include <map>
#include <onnx/onnx_pb.h>
#include <string>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/network/onnx/onnx_model.hpp"

namespace tilewake {
namespace {

using Nodes = google::protobuf::RepeatedPtrField<onnx::NodeProto>;
using Names = std::unordered_map<std::string, std::string>;

/// Bytes of all copied nodes, with the tensors in them.
constexpr std::size_t kMaxCopiedBytes = std::size_t{1} << 26;
constexpr int kMaxCalls = 16;  // within one another

class FunctionInliner {
 public:
  explicit FunctionInliner(onnx::ModelProto& model) : model_(model) {
    for (const onnx::FunctionProto& function : model.functions()) {
      functions_.emplace(std::pair(function.domain(), function.name()), &function);
    }
  }

  void run() {
    Nodes nodes;
    for (onnx::NodeProto& node : *model_.mutable_graph()->mutable_node()) {
      if (const onnx::FunctionProto* function = find(node); function != nullptr) {
        expand(*function, node, nodes, 1);
      } else {
        nodes.Add(std::move(node));
      }
    }
    model_.mutable_graph()->mutable_node()->Swap(&nodes);
  }

 private:
  const onnx::FunctionProto* find(const onnx::NodeProto& node) const {
    const auto found = functions_.find({node.domain(), node.op_type()});
    return found == functions_.end() ? nullptr : found->second;
  }

  void expand(const onnx::FunctionProto& function, const onnx::NodeProto& call, Nodes& nodes,
              int depth) {
    const std::string caller =
        !call.name().empty() ? call.name() : fmt::format("call_{}", ++num_calls_);
    if (depth > kMaxCalls) {
      throw InputError(fmt::format("'{}' calls functions that call one another more than {} deep",
                                   printable(caller), kMaxCalls));
    }
    Names names;
    for (int i = 0; i < function.input_size(); ++i) {
      names[function.input(i)] = i < call.input_size() ? call.input(i) : std::string();
    }
    for (int i = 0; i < function.output_size(); ++i) {
      if (i < call.output_size() && !call.output(i).empty()) {
        names[function.output(i)] = call.output(i);
      }
    }
    for (const onnx::NodeProto& node : function.node()) {
      num_bytes_ += node.ByteSizeLong() + sizeof(onnx::NodeProto);
      if (num_bytes_ > kMaxCopiedBytes) {
        throw InputError(
            fmt::format("functions of the model expand to more than {} bytes", kMaxCopiedBytes));
      }
      onnx::NodeProto copy = node;
      copy.set_name(fmt::format("{}/{}", caller, node.name()));
      for (std::string& value : *copy.mutable_input()) value = renamed(value, caller, names);
      for (std::string& value : *copy.mutable_output()) value = renamed(value, caller, names);
      set_attributes(copy, call);
      if (const onnx::FunctionProto* inner = find(copy); inner != nullptr) {
        expand(*inner, copy, nodes, depth + 1);
      } else {
        nodes.Add(std::move(copy));
      }
    }
  }

  static std::string renamed(const std::string& value, const std::string& caller, Names& names) {
    if (value.empty()) return value;
    const auto [found, is_new] = names.try_emplace(value);
    if (is_new) found->second = fmt::format("{}/{}", caller, value);
    return found->second;
  }

  /// Attributes that refer to those of the call take their values, or are left out.
  static void set_attributes(onnx::NodeProto& node, const onnx::NodeProto& call) {
    google::protobuf::RepeatedPtrField<onnx::AttributeProto> attributes;
    for (onnx::AttributeProto& attribute : *node.mutable_attribute()) {
      if (attribute.ref_attr_name().empty()) {
        attributes.Add(std::move(attribute));
        continue;
      }
      for (const onnx::AttributeProto& given : call.attribute()) {
        if (given.name() != attribute.ref_attr_name()) continue;
        onnx::AttributeProto& copy = *attributes.Add();
        copy = given;
        copy.set_name(attribute.name());
      }
    }
    node.mutable_attribute()->Swap(&attributes);
  }

  onnx::ModelProto& model_;
  std::map<std::pair<std::string, std::string>, const onnx::FunctionProto*> functions_;
  std::size_t num_bytes_ = 0;
  std::size_t num_calls_ = 0;
};

}  // namespace

void inline_onnx_functions(onnx::ModelProto& model) {
  if (model.functions_size() > 0) FunctionInliner(model).run();
}

}  // namespace tilewake
