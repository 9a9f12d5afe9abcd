// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/onnx_reader.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/network/limits.hpp"
#include "simulator/network/network_builder.hpp"
#include "simulator/network/onnx/onnx_batch.hpp"
#include "simulator/network/onnx/onnx_cut.hpp"
#include "simulator/network/onnx/onnx_hints.hpp"
#include "simulator/network/onnx/onnx_inputs.hpp"
#include "simulator/network/onnx/onnx_operators.hpp"
#include "simulator/network/onnx/onnx_patterns.hpp"

namespace tilewake {
namespace {

class Reader {
 public:
  Reader(OnnxModel model, const std::string& path, const ModelOptions& options)
      : model_(std::move(model)), path_(path), options_(options) {}

  OnnxNetwork read() {
    check_opset();
    prepare();
    std::optional<OnnxGraphInputs> inputs;
    at_file([&] { inputs = bind_inputs(model_, live_nodes_, num_uses_, options_); });
    OnnxValues values(shape_of(inputs->first.dims, inputs->first.layout), inputs->batch,
                      std::move(num_uses_));
    batch_ = inputs->batch;
    if (!inputs->warning.empty()) warnings_.push_back(inputs->warning);
    values.set_opset(model_.opset);
    values.set_known_dims(known_dims());
    values.set_given_dims(std::move(inputs->results));
    define_inputs(values, *inputs);
    follow_inputs(*inputs);
    define_initializers(values);
    for (const OnnxNode* node : live_nodes_) {
      define_inputs_of(values, *node);
      read_or_skip(values, *node);
      at_node(*node, [&] { compare_with_file(values, *node); });
    }
    check_given_dims(values);
    check_outputs(values);
    warn_of_host(values);
    values.share_weights();
    return {build(values), origins_of(values), std::move(warnings_)};
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
  void at_file(Action action) const {
    try {
      action();
    } catch (const InputError& e) {
      fail(e.what());
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

  void check_opset() {
    if (model_.opset < kMinOnnxOpset) {
      fail(
          fmt::format("opset {} is not known, {} and later are; export the model with "
                      "opset_version=17",
                      model_.opset, kMinOnnxOpset));
    }
    if (model_.opset > kMaxOnnxOpset) {
      warnings_.push_back(fmt::format("opset {} is later than {}, by whose rules it is read",
                                      model_.opset, kMaxOnnxOpset));
    }
  }

  /// The model as it is read: cut, and with one node an operator.
  void prepare() {
    if (model_.outputs.empty()) fail("the graph has no outputs");
    at_file([&] { cut_onnx(model_, options_); });
    find_live_nodes();
    const std::size_t num_dead = model_.nodes.size() - live_nodes_.size();
    if (num_dead > 0) {
      const bool is_cut = !options_.until.empty() || !options_.from.empty();
      warnings_.push_back(
          fmt::format("{} nodes {}", num_dead,
                      is_cut ? "are left out by --until and --from" : "give nothing to an output"));
    }
    merge_onnx_patterns(model_);
    find_live_nodes();
  }

  /// Nodes that no output needs do not run, in any program.
  void find_live_nodes() {
    num_uses_.clear();
    live_nodes_.clear();
    for (const std::string_view output : model_.outputs) ++num_uses_[output];
    for (auto node = model_.nodes.rbegin(); node != model_.nodes.rend(); ++node) {
      bool is_live = false;
      for (const std::string_view output : node->outputs) {
        is_live = is_live || (!output.empty() && num_uses_.contains(output));
      }
      if (!is_live) continue;
      live_nodes_.push_back(&*node);
      for (const auto* inputs : {&node->inputs, &node->captured}) {
        for (const std::string_view input : *inputs) {
          if (!input.empty()) ++num_uses_[input];
        }
      }
    }
    std::reverse(live_nodes_.begin(), live_nodes_.end());
  }

  void define_inputs(OnnxValues& values, const OnnxGraphInputs& inputs) {
    const OnnxGraphInput& first = inputs.first;
    located("input", first.name,
            [&] { values.define_input(first.name, first.dims, first.layout); });
    for (const OnnxGraphInput& input : inputs.others) {
      if (!input.is_parameter) {
        later_inputs_.emplace(input.name, &input);
        continue;
      }
      OnnxTensor tensor;
      tensor.name = input.name;
      tensor.dims = input.dims;
      tensor.is_elsewhere = true;
      located("input", input.name, [&] { values.define_initializer(tensor); });
    }
  }

  /// Where the inputs have the images of the batch.
  void follow_inputs(const OnnxGraphInputs& inputs) {
    images_.emplace(batch_);
    const auto follow = [&](const OnnxGraphInput& input) {
      if (!input.has_images) return;
      images_->define_input(input.name, input.layout == OnnxInputLayout::kTimeFirst ? 1 : 0);
    };
    follow(inputs.first);
    for (const OnnxGraphInput& input : inputs.others) follow(input);
  }

  /// Further inputs become layers where they are first read.
  void define_inputs_of(OnnxValues& values, const OnnxNode& node) {
    if (later_inputs_.empty()) return;
    for (const auto* names : {&node.inputs, &node.captured}) {
      for (const std::string_view name : *names) {
        const auto found = later_inputs_.find(name);
        if (found == later_inputs_.end()) continue;
        const OnnxGraphInput& input = *found->second;
        later_inputs_.erase(found);
        located("input", input.name,
                [&] { values.define_further_input(input.name, input.dims, input.layout); });
      }
    }
  }

  void define_initializers(OnnxValues& values) const {
    for (const OnnxTensor& tensor : model_.initializers) {
      if (values.num_uses(tensor.name) == 0) continue;
      located("initializer", tensor.name, [&] { values.define_initializer(tensor); });
    }
  }

  void read_or_skip(OnnxValues& values, const OnnxNode& node) {
    try {
      at_node(node, [&] {
        images_->follow(values, node);
        read_onnx_node(values, node);
      });
    } catch (const InputError& e) {
      if (!options_.skip_unsupported) throw InputError(e.what() + advice_for(node));
      at_node(node, [&] { read_host(values, node); });
    }
  }

  /// The options that help where `node` is refused.
  std::string advice_for(const OnnxNode& node) const {
    std::string advice = "; --skip-unsupported leaves it to the host";
    if (find_onnx_operator(node.op) == read_host) advice = ";";  // where it would be
    for (const OnnxNode* before : live_nodes_) {
      if (before == &node) break;
      const bool feeds = !node.inputs.empty() && !before->outputs.empty() &&
                         before->outputs[0] == node.inputs[0] && !node.inputs[0].empty();
      if (!feeds) continue;
      const std::string_view name = before->name.empty() ? before->outputs[0] : before->name;
      return fmt::format("{}{} --until {} ends the network before it", advice,
                         advice.size() > 1 ? "," : "", printable(std::string(name)));
    }
    return advice.size() > 1 ? advice : "";
  }

  /// Dims of values as the file has them, of one image; without those that it leaves free.
  std::unordered_map<std::string_view, Dims> known_dims() const {
    std::unordered_map<std::string_view, Dims> known;
    for (const OnnxInput& value : model_.value_infos) {
      Dims dims = value.dims;
      if (!dims.empty() && (dims[0] < 0 || dims[0] == batch_)) dims[0] = 1;
      const bool is_known = std::all_of(dims.begin(), dims.end(), [](std::int64_t dim) {
        return dim > 0 && dim <= kMaxDimension;
      });
      if (value.has_shape && is_known) known.emplace(value.name, std::move(dims));
    }
    return known;
  }

  /// Sizes of what the network computes follow from its inputs.
  void check_given_dims(const OnnxValues& values) const {
    for (const ModelOptions::InputShape& given : options_.input_shapes) {
      if (!values.given_dims().contains(given.name)) continue;
      fail(fmt::format("--input-shape: '{}' is neither an input nor left to the host",
                       printable(given.name)));
    }
  }

  /// Outputs that no layer computes are left out, but for the last.
  void check_outputs(OnnxValues& values) {
    std::size_t num_left_out = 0;
    for (const std::string_view name : model_.outputs) {
      located("output", name, [&] {
        const std::string_view reason = check_output(values, name);
        if (reason.empty()) return;
        if (++num_left_out == model_.outputs.size()) throw InputError(std::string(reason));
        warnings_.push_back(
            fmt::format("output '{}' {}: it is left out", printable(std::string(name)), reason));
      });
    }
  }

  /// Why there is no layer that computes an output; empty: there is.
  std::string_view check_output(OnnxValues& values, std::string_view name) {
    if (later_inputs_.contains(name)) return "is an input itself";
    if (values.for_host(name) != nullptr) return "is of a kind that no layer gives";
    const OnnxValue* value = values.output(name);
    if (value == nullptr) throw InputError("no node gives it");
    if (value->constant != nullptr) return "is a constant";
    if (value->shuffle != nullptr) {
      throw InputError(
          fmt::format("is what {} gives, half of a channel shuffle", text_of(*value->shuffle)));
    }
    if (value->layer == kNetworkInput) return "is the input itself";
    if (values.num_uses(name) > 1) {
      warnings_.push_back(
          fmt::format("output '{}' is read inside of the network, too: it counts as "
                      "a feature map between layers",
                      printable(std::string(name))));
    }
    return {};
  }

  static std::string list_text(const std::vector<std::string>& names) {
    constexpr std::size_t kMaxNamed = 100;
    const auto num_named = static_cast<std::ptrdiff_t>(std::min(names.size(), kMaxNamed));
    const std::string more =
        names.size() > kMaxNamed ? fmt::format(" and {} more", names.size() - kMaxNamed) : "";
    return fmt::format("{}{}", fmt::join(names.begin(), names.begin() + num_named, ", "), more);
  }

  void warn_of_host(const OnnxValues& values) {
    const std::vector<std::string>& nodes = values.host_nodes();
    if (!nodes.empty()) {
      warnings_.push_back(
          fmt::format("{} nodes are left to the host, of which only the bytes are modelled: {}",
                      nodes.size(), list_text(nodes)));
    }
    std::vector<std::string> guesses = values.guesses();
    for (std::string& name : guesses) name = fmt::format("'{}'", printable(name));
    if (!guesses.empty()) {
      warnings_.push_back(
          fmt::format("the sizes of {} of their results are guessed, those of the first map that "
                      "the node reads; give them as --input-shape NAME=SIZES: {}",
                      guesses.size(), list_text(guesses)));
    }
    if (!misfits_.empty()) {
      warnings_.push_back(
          fmt::format("{} nodes give other sizes than the file states (stale shapes in the file, "
                      "or a node that is read wrongly): {}",
                      misfits_.size(), list_text(misfits_)));
    }
  }

  /// Notes where the file states other sizes of a result than the ones that were found. Of one
  /// image only: what a file states of a batch may be anywhere in the dims.
  void compare_with_file(OnnxValues& values, const OnnxNode& node) {
    if (batch_ != 1) return;
    for (const std::string_view output : node.outputs) {
      const Dims* stated = values.known_dims(output);
      if (stated == nullptr || !values.is_defined(output)) continue;
      OnnxNode reader;
      reader.inputs = {output};
      const Dims found = values.dims(reader, 0);
      const bool fits = found.size() == stated->size()
                            ? found == *stated
                            : num_elements_of(found) == num_elements_of(*stated);
      if (!fits) {
        misfits_.push_back(
            fmt::format("{}: {} (file: {})", text_of(node), text_of(found), text_of(*stated)));
      }
    }
  }

  Network build(const OnnxValues& values) const {
    const LayerDrafts& drafts = values.layers();
    std::optional<NetworkBuilder> builder;
    located("graph", model_.name, [&] { builder.emplace(network_name(), drafts.input()); });
    for (const LayerDrafts::Draft& draft : drafts.drafts()) {
      at_node(*draft.node, [&] { builder->add(draft.layer, draft.padding); });
    }
    std::optional<Network> network;
    located("graph", model_.name, [&] {
      network = builder->build();
      set_batch(*network, batch_);
    });
    return std::move(*network);
  }

  static std::vector<OnnxOrigin> origins_of(const OnnxValues& values) {
    std::vector<OnnxOrigin> origins;
    for (const LayerDrafts::Draft& draft : values.layers().drafts()) {
      OnnxOrigin& origin = origins.emplace_back();
      origin.op = draft.node->op;
      origin.inputs.assign(draft.node->inputs.begin(), draft.node->inputs.end());
    }
    return origins;
  }

  /// Exporters name graphs after themselves, so that the file's name says more.
  std::string network_name() const {
    if (model_.producer == kOnnxProducer) return plain_name(model_.name);
    return plain_name(std::filesystem::path(path_).stem().string());
  }

  OnnxModel model_;
  const std::string& path_;
  const ModelOptions& options_;
  std::int64_t batch_ = 1;
  std::optional<OnnxBatch> images_;
  std::vector<const OnnxNode*> live_nodes_;
  std::unordered_map<std::string_view, int> num_uses_;
  std::unordered_map<std::string_view, const OnnxGraphInput*> later_inputs_;
  std::vector<std::string> misfits_;
  std::vector<std::string> warnings_;
};

}  // namespace

OnnxNetwork read_onnx(const std::string& text, const std::string& path,
                      const ModelOptions& options) {
  return read_onnx_model(parse_onnx(text, path), path, options);
}

OnnxNetwork read_onnx_model(OnnxModel model, const std::string& path, const ModelOptions& options) {
  return Reader(std::move(model), path, options).read();
}

}  // namespace tilewake
