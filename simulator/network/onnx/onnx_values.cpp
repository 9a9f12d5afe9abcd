// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/onnx_values.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/network/limits.hpp"
#include "simulator/network/onnx/onnx_hints.hpp"

namespace tilewake {
namespace {

using Kind = ElementwiseStep::Kind;
using Chain = std::vector<ElementwiseStep>;

/// Longer chains are settled on the way, so that a file of nothing else takes no quadratic time.
constexpr std::size_t kMaxSteps = 8;

bool is_activation(const ElementwiseStep& step, Activation activation) {
  return step.kind == Kind::kActivation && step.activation == activation;
}

/// relu6(x + 3): six times the hard sigmoid of x.
bool begins_like_hsigmoid(const Chain& steps) {
  return steps.size() >= 2 && steps[0].kind == Kind::kShift &&
         std::abs(steps[0].amount - 3.0) < 1e-3 && is_activation(steps[1], Activation::kRelu6);
}

/// What x * steps(x) is; none where it is no activation.
Activation gated_activation(const Chain& steps) {
  const bool is_scaled = !steps.empty() && steps.back().kind == Kind::kScale;
  const std::size_t size = steps.size() - (is_scaled ? 1 : 0);
  if (size == 1 && is_activation(steps[0], Activation::kSigmoid)) return Activation::kSwish;
  if (size == 1 && is_activation(steps[0], Activation::kHsigmoid)) return Activation::kHswish;
  if (size == 2 && begins_like_hsigmoid(steps)) return Activation::kHswish;
  return Activation::kNone;
}

Dims dims_of(const Shape& shape) { return {1, shape.channels, shape.height, shape.width}; }

bool is_image(const Dims& dims, const Shape& shape) { return dims == dims_of(shape); }

}  // namespace

std::string text_of(const OnnxNode& node) {
  if (!node.label.empty()) return std::string(node.label);
  const std::string_view name = !node.name.empty()      ? node.name
                                : !node.outputs.empty() ? node.outputs[0]
                                                        : std::string_view("?");
  return fmt::format("'{}' ({})", printable(std::string(name)), printable(std::string(node.op)));
}

OnnxValue& OnnxValues::any(const OnnxNode& node, std::size_t index) {
  if (!has_input(node, index)) throw InputError(fmt::format("input {} is missing", index));
  const auto found = values_.find(node.inputs[index]);
  if (found == values_.end()) {
    throw InputError(
        fmt::format("reads '{}', which no earlier node gives (nodes must stand in the order in "
                    "which they run, and but for Split only their first outputs are known)",
                    printable(std::string(node.inputs[index]))));
  }
  return found->second;
}

const OnnxConstant& OnnxValues::constant(const OnnxNode& node, std::size_t index) {
  const OnnxValue& value = any(node, index);
  if (value.constant == nullptr) {
    throw InputError(fmt::format("input {} ('{}') must be a constant, and is computed", index,
                                 printable(std::string(node.inputs[index]))));
  }
  return *value.constant;
}

void OnnxValues::refuse_loose_ends(const OnnxValue& value) const {
  if (value.constant != nullptr) throw InputError("a constant where a feature map is expected");
  if (value.end != nullptr) {
    throw InputError(fmt::format("follows {}, which is understood only at the end of a network",
                                 text_of(*value.end)));
  }
  if (value.shuffle != nullptr) {
    throw InputError(
        fmt::format("reads what {} gives: after it a Reshape must end the channel "
                    "shuffle",
                    text_of(*value.shuffle)));
  }
  if (value.is_channels_last) throw InputError("reads the input with its channels last");
}

OnnxValue OnnxValues::map(const OnnxNode& node, std::size_t index) {
  OnnxValue value = padded_image(node, index);
  if (value.pad != nullptr) {
    throw InputError(
        fmt::format("reads what {} gives: zeros are understood around the input of a "
                    "convolution or pool only",
                    text_of(*value.pad)));
  }
  return value;
}

OnnxValue OnnxValues::image(const OnnxNode& node, std::size_t index) {
  OnnxValue value = map(node, index);
  const Shape& shape = shape_of(value);
  if (!is_image(value.dims, shape)) {
    throw InputError(
        fmt::format("reads a {} map as {}: reshaped maps are understood by Gemm and "
                    "MatMul only",
                    text_of(dims_of(shape)), text_of(value.dims)));
  }
  return value;
}

OnnxValue OnnxValues::padded_image(const OnnxNode& node, std::size_t index) {
  OnnxValue& value = any(node, index);
  refuse_loose_ends(value);
  if (!value.steps.empty()) value = settled(value, 1);
  return value;
}

void OnnxValues::define(std::string_view name, OnnxValue value) {
  if (name.empty()) throw InputError("gives a value without a name");
  if (!values_.emplace(name, std::move(value)).second) {
    throw InputError(fmt::format("gives '{}', as another node or input does already",
                                 printable(std::string(name))));
  }
}

void OnnxValues::define_constant(const OnnxNode& node, OnnxConstant constant) {
  if (node.outputs.empty()) throw InputError("gives nothing");
  OnnxValue value;
  value.constant = std::make_shared<const OnnxConstant>(std::move(constant));
  define(node.outputs[0], std::move(value));
}

void OnnxValues::define_same(const OnnxNode& node, OnnxValue value, Dims dims) {
  if (node.outputs.empty()) throw InputError("gives nothing");
  if (value.steps.empty()) {
    value.is_exclusive = value.is_exclusive && num_uses(node.inputs[0]) == 1;
  } else if (num_uses(node.outputs[0]) != 1) {
    value = settled(value, 1);
  }
  value.dims = std::move(dims);
  define(node.outputs[0], std::move(value));
}

void OnnxValues::define_step(const OnnxNode& node, std::size_t input, ElementwiseStep step) {
  if (node.outputs.empty()) throw InputError("gives nothing");
  const OnnxValue& before = any(node, input);
  refuse_loose_ends(before);
  if (before.pad != nullptr) map(node, input);  // refuses
  OnnxValue value = before;
  if (value.steps.empty()) value.base = node.inputs[input];
  step.node = &node;
  value.steps.push_back(step);
  if (value.steps.size() > kMaxSteps || num_uses(node.outputs[0]) != 1) value = settled(value, 1);
  define(node.outputs[0], std::move(value));
}

void OnnxValues::define_layer(const OnnxNode& node, Layer layer,
                              const std::vector<OnnxValue>& inputs, const PaddingRule& padding,
                              bool is_vector, std::size_t output) {
  if (node.outputs.size() <= output) throw InputError("gives nothing");
  OnnxValue value;
  value.layer = add_layer(node, std::move(layer), inputs, padding, output);
  value.is_exclusive = true;
  const Shape& shape = shape_of(value);
  value.dims = is_vector ? Dims{1, shape.channels} : dims_of(shape);
  define(node.outputs[output], std::move(value));
}

bool OnnxValues::define_gated(const OnnxNode& node, std::size_t input, std::size_t gate) {
  const OnnxValue& x = any(node, input);
  const OnnxValue& factor = any(node, gate);
  if (x.constant != nullptr || !x.steps.empty() || factor.steps.empty() ||
      factor.base != node.inputs[input] || factor.dims != x.dims) {
    return false;
  }
  const Activation activation = gated_activation(factor.steps);
  if (activation == Activation::kNone) return false;
  OnnxValue value = factor;
  value.steps = {{Kind::kActivation, &node, activation, 0.0, false}};
  value = settled(value, 2);
  define(node.outputs.at(0), std::move(value));
  return true;
}

const OnnxValue* OnnxValues::output(std::string_view name) {
  const auto found = values_.find(name);
  if (found == values_.end()) return nullptr;
  if (!found->second.steps.empty()) found->second = settled(found->second, 1);
  return &found->second;
}

int OnnxValues::num_uses(std::string_view name) const {
  const auto found = num_uses_.find(name);
  return found == num_uses_.end() ? 0 : found->second;
}

OnnxValue OnnxValues::settled(const OnnxValue& value, int num_readers) {
  OnnxValue map = value;
  Chain steps = std::exchange(map.steps, {});
  map.is_exclusive = value.is_exclusive && num_uses(value.base) == num_readers;
  if (begins_like_hsigmoid(steps)) {
    steps.erase(steps.begin());
    steps[0].activation = Activation::kHsigmoid;
  }
  for (const ElementwiseStep& step : steps) apply(step, map);
  return map;
}

void OnnxValues::apply(const ElementwiseStep& step, OnnxValue& map) {
  if (step.kind == Kind::kScale) return;
  const bool is_activation = step.kind == Kind::kActivation;
  const bool has_shift = step.kind == Kind::kShift || step.has_shift;
  if (map.is_exclusive && map.layer != kNetworkInput) {
    Layer& layer = drafts_.at(map.layer);
    const bool takes_step = is_activation ? !layer.moves_channels() : layer.has_weights();
    if (layer.activation == Activation::kNone && takes_step) {
      if (is_activation) layer.activation = step.activation;
      if (!is_activation) layer.bias = layer.bias || has_shift;
      return;
    }
  }
  // A layer of its own that reads every element once: a window of 1 x 1.
  Layer layer;
  layer.op = is_activation ? Op::kMaxPool : Op::kDepthwiseConv2d;
  layer.activation = step.activation;
  layer.bias = is_activation || has_shift;  // true is the default of ops without
  map.layer = add_layer(*step.node, std::move(layer), {map}, PaddingRule::valid());
  map.is_exclusive = true;
}

int OnnxValues::add_layer(const OnnxNode& node, Layer layer, const std::vector<OnnxValue>& inputs,
                          const PaddingRule& padding, std::size_t output) {
  if (drafts_.drafts().size() >= kMaxLayers) {
    throw InputError(fmt::format("the network has more than {} layers", kMaxLayers));
  }
  layer.name = names_.next(!node.name.empty() ? node.name : node.outputs.at(output));
  layer.block = std::string(hint_in(node.doc, kBlockHint));
  layer.inputs.clear();
  for (const OnnxValue& input : inputs) layer.inputs.push_back(input.layer);
  return drafts_.add(std::move(layer), padding, node);
}

}  // namespace tilewake
