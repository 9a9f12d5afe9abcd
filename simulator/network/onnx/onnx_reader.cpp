// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/onnx_reader.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/network/limits.hpp"
#include "simulator/network/network_builder.hpp"
#include "simulator/network/onnx/onnx_hints.hpp"
#include "simulator/network/onnx/onnx_operators.hpp"

namespace tilewake {
namespace {

/// What to do about operators that are often met and have no counterpart here.
constexpr auto kAdvice = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"ConvTranspose", "transposed convolutions are not modelled; cut the model before this node"},
    {"Resize", "resizing is not modelled; cut the model before this node"},
    {"Upsample", "resizing is not modelled; cut the model before this node"},
    {"LSTM", "recurrent layers are not modelled"},
    {"GRU", "recurrent layers are not modelled"},
    {"RNN", "recurrent layers are not modelled"},
    {"If", "control flow is not modelled; export a model without it"},
    {"Loop", "control flow is not modelled; export a model without it"},
    {"Scan", "control flow is not modelled; export a model without it"},
    {"LRN", "leave it out, or put a BatchNormalization in its place"},
    {"PRelu", "put LeakyRelu in its place"},
    {"Tanh", "put another activation in its place"},
    {"Elu", "put another activation in its place"},
    {"Selu", "put another activation in its place"},
    {"Softplus", "put another activation in its place"},
    {"Erf", "GELU is not modelled; put another activation in its place"},
});

constexpr std::array<std::size_t, 4> kToChannelsFirst = {0, 3, 1, 2};

class Reader {
 public:
  Reader(const OnnxModel& model, const std::string& path) : model_(model), path_(path) {}

  OnnxNetwork read(const std::vector<std::int64_t>& input_shape) {
    check_opset();
    find_live_nodes();
    const OnnxInput& input = find_input();
    Dims dims = bound_dims(input, input_shape);
    const std::int64_t batch = std::exchange(dims[0], 1);  // nodes are read for one image
    const bool channels_last = is_channels_last(input, dims);
    OnnxValues values(shape_of(input, dims, channels_last), batch, std::move(num_uses_));
    const auto layout = dims.size() == 2  ? OnnxInputLayout::kVector
                        : channels_last ? OnnxInputLayout::kChannelsLast
                                        : OnnxInputLayout::kImage;
    values.set_opset(model_.opset);
    located("input", input.name, [&] { values.define_input(input.name, dims, layout); });
    define_initializers(values);
    for (const OnnxNode* node : live_nodes_) at_node(*node, [&] { read_node(values, *node); });
    check_outputs(values);
    values.share_weights();
    return {build(values, batch), std::move(warnings_)};
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(fmt::format("{}: {}", path_, what));
  }

  template <typename Action>
  void located(const char* what, std::string_view name, Action action) const {
    try {
      action();
    } catch (const InputError& e) {
      fail(fmt::format("{} '{}': {}", what, printable(std::string(name)), e.what()));
    }
  }

  template <typename Action>
  void at_node(const OnnxNode& node, Action action) const {
    try {
      action();
    } catch (const LayerError& e) {
      const bool has_key = !e.key().empty();
      fail(fmt::format("{}{}: {}{}{}", what_of(node), text_of(node), e.key(), has_key ? ": " : "",
                       e.what()));
    } catch (const InputError& e) {
      fail(fmt::format("{}{}: {}", what_of(node), text_of(node), e.what()));
    }
  }

  static const char* what_of(const OnnxNode& node) { return node.label.empty() ? "node " : ""; }

  void check_opset() const {
    if (model_.opset < kMinOnnxOpset || model_.opset > kMaxOnnxOpset) {
      fail(
          fmt::format("opset {} is not known, {} to {} are; export the model with opset_version={}",
                      model_.opset, kMinOnnxOpset, kMaxOnnxOpset, kMaxOnnxOpset));
    }
  }

  /// Nodes that no output needs do not run, in any program.
  void find_live_nodes() {
    if (model_.outputs.empty()) fail("the graph has no outputs");
    for (const std::string_view output : model_.outputs) ++num_uses_[output];
    for (auto node = model_.nodes.rbegin(); node != model_.nodes.rend(); ++node) {
      bool is_live = false;
      for (const std::string_view output : node->outputs) {
        is_live = is_live || (!output.empty() && num_uses_.contains(output));
      }
      if (!is_live) continue;
      live_nodes_.push_back(&*node);
      for (const std::string_view input : node->inputs) {
        if (!input.empty()) ++num_uses_[input];
      }
    }
    std::reverse(live_nodes_.begin(), live_nodes_.end());
    const std::size_t num_dead = model_.nodes.size() - live_nodes_.size();
    if (num_dead > 0)
      warnings_.push_back(fmt::format("{} nodes give nothing to an output", num_dead));
  }

  const OnnxInput& find_input() const {
    std::unordered_set<std::string_view> given;  // old models list their weights as inputs, too
    for (const OnnxTensor& tensor : model_.initializers) given.insert(tensor.name);
    std::vector<const OnnxInput*> inputs;
    for (const OnnxInput& input : model_.inputs) {
      if (!given.contains(input.name) && num_uses_.contains(input.name)) inputs.push_back(&input);
    }
    if (inputs.empty()) fail("no input of the graph is used");
    if (inputs.size() > 1) {
      fail(fmt::format("the graph has {} inputs ('{}', '{}' ...); a network here has one",
                       inputs.size(), printable(std::string(inputs[0]->name)),
                       printable(std::string(inputs[1]->name))));
    }
    return *inputs[0];
  }

  Dims bound_dims(const OnnxInput& input, const std::vector<std::int64_t>& given) const {
    const std::string name = printable(std::string(input.name));
    Dims dims = input.dims;
    if (!input.has_shape && given.empty()) {
      fail(fmt::format("input '{}' has no shape; give one, as --input-shape 1,3,224,224", name));
    }
    if (!input.has_shape) dims.assign(given.size(), 0);
    if (dims.size() != 4 && dims.size() != 2) {
      fail(
          fmt::format("input '{}' has {} dimensions; images have 4 (batch, channels, height, "
                      "width), vectors 2",
                      name, dims.size()));
    }
    if (!given.empty() && given.size() != dims.size()) {
      fail(fmt::format("--input-shape has {} sizes, input '{}' has {} dimensions", given.size(),
                       name, dims.size()));
    }
    for (std::size_t i = 0; i < dims.size(); ++i) {
      if (!given.empty() && dims[i] > 0 && dims[i] != given[i]) {
        fail(fmt::format("--input-shape has {} where input '{}' is fixed at {} (dimension {})",
                         given[i], name, dims[i], i));
      }
      if (!given.empty()) dims[i] = given[i];
      if (dims[i] <= 0 && i == 0) dims[i] = 1;
      if (dims[i] <= 0) {
        fail(fmt::format("input '{}' is {}: bind what is free, as in --input-shape 1,3,224,224",
                         name, sizes_text(dims)));
      }
      if (dims[i] > kMaxDimension) {
        fail(fmt::format("input '{}': dimension {} is larger than {}", name, i, kMaxDimension));
      }
    }
    return dims;
  }

  static std::string sizes_text(const Dims& dims) {
    std::vector<std::string> words;
    for (const std::int64_t dim : dims) words.push_back(dim > 0 ? fmt::format("{}", dim) : "?");
    return fmt::format("{}", fmt::join(words, " x "));
  }

  /// Whether all that happens to the input is that its channels are moved to the front, as in
  /// models that come from TensorFlow.
  bool is_channels_last(const OnnxInput& input, const Dims& dims) const {
    if (dims.size() != 4) return false;
    bool any = false;
    for (const OnnxNode* node : live_nodes_) {
      for (const std::string_view name : node->inputs) {
        if (name != input.name) continue;
        any = true;
        const OnnxAttribute* order = node->find("perm");
        if (node->op != "Transpose" || order == nullptr ||
            !std::equal(order->integers.begin(), order->integers.end(), kToChannelsFirst.begin(),
                        kToChannelsFirst.end(), [](std::int64_t a, std::size_t b) {
                          return a == static_cast<std::int64_t>(b);
                        })) {
          return false;
        }
      }
    }
    for (const std::string_view output : model_.outputs) any = any && output != input.name;
    return any;
  }

  Shape shape_of(const OnnxInput& input, const Dims& dims, bool channels_last) const {
    Shape shape = {dims[1], 1, 1};
    if (dims.size() == 4) shape = {dims[1], dims[2], dims[3]};
    if (channels_last) shape = {dims[3], dims[1], dims[2]};
    if (shape.num_elements() > kMaxFeatureMap) {
      fail(fmt::format("input '{}' has more than {} elements", printable(std::string(input.name)),
                       kMaxFeatureMap));
    }
    return shape;
  }

  void define_initializers(OnnxValues& values) const {
    for (const OnnxTensor& tensor : model_.initializers) {
      if (values.num_uses(tensor.name) == 0) continue;
      located("initializer", tensor.name, [&] { values.define_initializer(tensor); });
    }
  }

  static void read_node(OnnxValues& values, const OnnxNode& node) {
    if (!node.domain.empty()) {
      throw InputError(
          fmt::format("operators of the domain '{}' are not known; export the model "
                      "with ONNX's own",
                      printable(std::string(node.domain))));
    }
    if (const OnnxOperator read = find_onnx_operator(node.op); read != nullptr) {
      return read(values, node);
    }
    for (const auto& [op, advice] : kAdvice) {
      if (op == node.op) throw InputError(fmt::format("is not supported: {}", advice));
    }
    throw InputError(
        "is not supported (simulator/network/onnx/README.md lists what is); cut the model before "
        "this node, or export it without");
  }

  void check_outputs(OnnxValues& values) {
    for (const std::string_view name : model_.outputs) {
      located("output", name, [&] { check_output(values, name); });
    }
  }

  void check_output(OnnxValues& values, std::string_view name) {
    const OnnxValue* value = values.output(name);
    if (value == nullptr) throw InputError("no node gives it");
    if (value->constant != nullptr) throw InputError("is a constant");
    if (value->shuffle != nullptr) {
      throw InputError(
          fmt::format("is what {} gives, half of a channel shuffle", text_of(*value->shuffle)));
    }
    if (value->layer == kNetworkInput) throw InputError("is the input itself");
    if (values.num_uses(name) > 1) {
      warnings_.push_back(
          fmt::format("output '{}' is read inside of the network, too: it counts as "
                      "a feature map between layers",
                      printable(std::string(name))));
    }
  }

  Network build(const OnnxValues& values, std::int64_t batch) const {
    const LayerDrafts& drafts = values.layers();
    std::optional<NetworkBuilder> builder;
    located("graph", model_.name, [&] { builder.emplace(network_name(), drafts.input()); });
    for (const LayerDrafts::Draft& draft : drafts.drafts()) {
      at_node(*draft.node, [&] { builder->add(draft.layer, draft.padding); });
    }
    std::optional<Network> network;
    located("graph", model_.name, [&] {
      network = builder->build();
      set_batch(*network, batch);
    });
    return std::move(*network);
  }

  /// Exporters name graphs after themselves, so that the file's name says more.
  std::string network_name() const {
    if (model_.producer == kOnnxProducer) return plain_name(model_.name);
    return plain_name(std::filesystem::path(path_).stem().string());
  }

  const OnnxModel& model_;
  const std::string& path_;
  std::vector<const OnnxNode*> live_nodes_;
  std::unordered_map<std::string_view, int> num_uses_;
  std::vector<std::string> warnings_;
};

}  // namespace

OnnxNetwork read_onnx(const std::string& text, const std::string& path,
                      const std::vector<std::int64_t>& input_shape) {
  return read_onnx_model(parse_onnx(text, path), path, input_shape);
}

OnnxNetwork read_onnx_model(const OnnxModel& model, const std::string& path,
                            const std::vector<std::int64_t>& input_shape) {
  return Reader(model, path).read(input_shape);
}

}  // namespace tilewake
