// SPDX-License-Identifier: Apache-2.0
#include "nas/network/layer_network.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "nas/network/depthwise.hpp"
#include "nas/network/layers.hpp"
#include "nas/network/normalization.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

using torch::Tensor;

[[noreturn]] void refuse(const Layer& layer, const std::string& what) {
  throw InputError(fmt::format("layer '{}' ({}): {}", layer.name, to_string(layer.op), what));
}

bool is_trained_op(Op op) {
  switch (op) {
    case Op::kConv2d:
    case Op::kDepthwiseConv2d:
    case Op::kFullyConnected:
    case Op::kMaxPool:
    case Op::kAvgPool:
    case Op::kGlobalAvgPool:
    case Op::kAdd:
    case Op::kSub:
    case Op::kMul:
    case Op::kDiv:
    case Op::kConcat:
    case Op::kChannelSplit:
    case Op::kChannelShuffle:
      return true;
    default:
      return false;
  }
}

std::size_t index_of(int layer) { return static_cast<std::size_t>(layer); }

/// The last layer that reads each layer; the layer itself where there is none.
std::vector<std::size_t> last_uses(const Network& network) {
  std::vector<std::size_t> uses(network.layers.size());
  for (std::size_t i = 0; i < uses.size(); ++i) {
    uses[i] = i;
    for (const int input : network.layers[i].inputs)
      if (input != kNetworkInput) uses[index_of(input)] = i;
  }
  return uses;
}

void check_trainable(const Network& network, const std::vector<std::size_t>& last_use) {
  if (network.batch != 1)
    throw InputError(
        fmt::format("network {}: batch {}: only networks of batch 1 are trained; the recipe has "
                    "the batch of training",
                    network.name, network.batch));
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const Layer& layer = network.layers[i];
    if (!is_trained_op(layer.op)) refuse(layer, "layers of this kind are not trained");
    if (layer.weights_of >= 0) refuse(layer, "layers that share weights are not trained");
    activate(torch::zeros({1}), layer.activation);  // refuses an activation
    if (last_use[i] == i && i + 1 < network.layers.size())
      refuse(layer, fmt::format("is a second output besides '{}'; networks with one are trained",
                                network.layers.back().name));
  }
}

std::int64_t groups_of(const Layer& layer) {
  return layer.op == Op::kDepthwiseConv2d ? layer.ifm.channels : layer.groups;
}

std::vector<std::int64_t> weight_shape(const Layer& layer) {
  if (layer.op == Op::kFullyConnected) return {layer.ofm.channels, layer.ifm.num_elements()};
  return {layer.ofm.channels, layer.ifm.channels / groups_of(layer), layer.kernel_height,
          layer.kernel_width};
}

/// x with `value` around it where windows read the padding.
Tensor padded(const Layer& layer, const Tensor& x, double value) {
  const Padding& p = layer.padding;
  const std::int64_t right = std::max<std::int64_t>(p.right, 0);
  const std::int64_t bottom = std::max<std::int64_t>(p.bottom, 0);
  if (p.left == 0 && p.top == 0 && right == 0 && bottom == 0) return x;
  return torch::constant_pad_nd(x, {p.left, right, p.top, bottom}, value);
}

std::vector<std::int64_t> both(const Steps& steps) { return {steps.height, steps.width}; }

/// Whether our depthwise kernels compute the layer: they pad by (k - 1) / 2 on all sides.
bool is_plain_depthwise(const Layer& layer) {
  const std::int64_t k = layer.kernel_height;
  const std::int64_t stride = layer.stride.height;
  const auto covers = [&](std::int64_t in, std::int64_t out) {
    return out == (in + stride - 1) / stride;
  };
  return layer.op == Op::kDepthwiseConv2d && layer.ofm.channels == layer.ifm.channels &&
         k == layer.kernel_width && k % 2 == 1 && layer.stride.are_equal() &&
         layer.dilation == Steps(1) && layer.padding.top == (k - 1) / 2 &&
         layer.padding.left == (k - 1) / 2 && covers(layer.ifm.height, layer.ofm.height) &&
         covers(layer.ifm.width, layer.ofm.width);
}

Tensor convolved(const Layer& layer, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (is_plain_depthwise(layer)) {
    const Tensor y = mix_depthwise(x, {weight}, static_cast<int>(layer.stride.height));
    return bias.defined() ? y + bias.reshape({1, -1, 1, 1}) : y;
  }
  const Padding& p = layer.padding;
  // Torch pads both sides alike; a smaller padding at the far end that no window reads is none.
  const bool is_symmetric =
      p.top == std::max<std::int64_t>(p.bottom, 0) && p.left == std::max<std::int64_t>(p.right, 0);
  const std::vector<std::int64_t> padding =
      is_symmetric ? std::vector<std::int64_t>{p.top, p.left} : std::vector<std::int64_t>{0, 0};
  return torch::conv2d(is_symmetric ? x : padded(layer, x, 0.0), weight, bias, both(layer.stride),
                       padding, both(layer.dilation), groups_of(layer));
}

Tensor pooled(const Layer& layer, const Tensor& x) {
  const std::vector<std::int64_t> window = {layer.kernel_height, layer.kernel_width};
  if (layer.op == Op::kMaxPool)
    return torch::max_pool2d(padded(layer, x, -std::numeric_limits<double>::infinity()), window,
                             both(layer.stride), 0, both(layer.dilation));
  if (layer.dilation == Steps(1))
    return torch::avg_pool2d(padded(layer, x, 0.0), window, both(layer.stride));
  // Torch's average pool has no dilation: a depthwise convolution by the window's share.
  const double share = 1.0 / static_cast<double>(layer.kernel_height * layer.kernel_width);
  const Tensor weight = torch::full({x.size(1), 1, window[0], window[1]}, share, x.options());
  return torch::conv2d(padded(layer, x, 0.0), weight, {}, both(layer.stride),
                       std::vector<std::int64_t>{0, 0}, both(layer.dilation), x.size(1));
}

Tensor shuffled(const Layer& layer, const Tensor& x) {
  const std::int64_t n = x.size(0);
  return x.contiguous()
      .reshape({n, layer.groups, layer.ifm.channels / layer.groups, x.size(2), x.size(3)})
      .transpose(1, 2)
      .reshape({n, layer.ifm.channels, x.size(2), x.size(3)});
}

Tensor elementwise(Op op, const std::vector<Tensor>& operands) {
  Tensor y = operands.front();
  for (std::size_t i = 1; i < operands.size(); ++i) {
    const Tensor& x = operands[i];
    y = op == Op::kAdd ? y + x : op == Op::kSub ? y - x : op == Op::kMul ? y * x : y / x;
  }
  return y;
}

}  // namespace

LayerNetworkImpl::LayerNetworkImpl(Network trained, Normalization normalization)
    : network(std::move(trained)),
      parameters_(network.layers.size()),
      last_use_(last_uses(network)) {
  check_trainable(network, last_use_);
  for (std::size_t i = 0; i < network.layers.size(); ++i)
    if (network.layers[i].has_weights()) add_parameters(i, normalization);
}

void LayerNetworkImpl::add_parameters(std::size_t index, Normalization normalization) {
  const Layer& layer = network.layers[index];
  Parameters& p = parameters_[index];
  const std::string name = fmt::format("layer{}", index);
  p.weight = register_parameter(name + "_weight", torch::empty(weight_shape(layer)));
  if (layer.op == Op::kFullyConnected) {
    const double bound = 1.0 / std::sqrt(static_cast<double>(layer.ofm.channels));
    const torch::NoGradGuard no_grad;
    p.weight.uniform_(-bound, bound);
  } else {
    init_conv(p.weight, layer.op == Op::kDepthwiseConv2d);
  }
  last_weighted_ = index;
  if (!layer.bias) return;
  const bool is_normalized = normalization == Normalization::kBatch &&
                             layer.op != Op::kFullyConnected &&
                             layer.ofm.height * layer.ofm.width > 1;
  if (is_normalized) {
    p.bn = register_module(name + "_bn", batch_norm(static_cast<int>(layer.ofm.channels)));
  } else {
    p.bias = register_parameter(name + "_bias", torch::zeros({layer.ofm.channels}));
  }
}

Tensor LayerNetworkImpl::linear(std::size_t index, const std::vector<Tensor>& operands) const {
  const Layer& layer = network.layers[index];
  const Parameters& p = parameters_[index];
  const Tensor& x = operands.front();
  switch (layer.op) {
    case Op::kConv2d:
    case Op::kDepthwiseConv2d:
      return convolved(layer, x, p.weight, p.bias);
    case Op::kFullyConnected:
      return torch::linear(x.contiguous().flatten(1), p.weight, p.bias)
          .reshape({x.size(0), layer.ofm.channels, 1, 1});
    case Op::kMaxPool:
    case Op::kAvgPool:
      return pooled(layer, x);
    case Op::kGlobalAvgPool:
      return x.mean({2, 3}, /*keepdim=*/true);
    case Op::kConcat:
      return torch::cat(operands, static_cast<std::int64_t>(layer.axis) + 1);
    case Op::kChannelSplit:
      return x.narrow(1, layer.first_channel, layer.ofm.channels);
    case Op::kChannelShuffle:
      return shuffled(layer, x);
    default:
      return elementwise(layer.op, operands);
  }
}

Tensor LayerNetworkImpl::forward(const Tensor& images) {
  std::vector<Tensor> outputs(network.layers.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Layer& layer = network.layers[i];
    std::vector<Tensor> operands;
    for (const int input : layer.inputs)
      operands.push_back(input == kNetworkInput ? images : outputs[index_of(input)]);
    if (i == last_weighted_ && is_training() && dropout > 0.0)
      operands.front() = torch::dropout(operands.front(), dropout, /*train=*/true);
    Tensor y = linear(i, operands);
    torch::nn::BatchNorm2d bn = parameters_[i].bn;
    outputs[i] = bn.is_empty()
                     ? activate(y, layer.activation)
                     : normalize_and_activate(bn, y.contiguous(torch::MemoryFormat::ChannelsLast),
                                              layer.activation);
    for (const int input : layer.inputs)
      if (input != kNetworkInput && last_use_[index_of(input)] == i)
        outputs[index_of(input)].reset();
  }
  return outputs.back().contiguous().flatten(1);
}

LayerWeights LayerNetworkImpl::folded_weights() const {
  const torch::NoGradGuard no_grad;
  LayerWeights weights;
  const std::vector<Layer>& layers = network.layers;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (!layers[i].has_weights()) continue;
    const auto& p = parameters_[i];
    weights[layers[i].name] =
        !p.bn.is_empty() ? tilewake::folded_weights(p.weight, p.bn)
                         : plain_weights(p.weight, p.bias.defined() ? p.bias : torch::empty({0}));
  }
  return weights;
}

void LayerNetworkImpl::set_weights(const LayerWeights& weights) {
  const torch::NoGradGuard no_grad;
  const std::vector<Layer>& layers = network.layers;
  const auto set = [](const Layer& layer, Tensor& to, const std::vector<float>& values,
                      const char* what) {
    if (static_cast<std::int64_t>(values.size()) != (to.defined() ? to.numel() : 0))
      refuse(layer, fmt::format("{} {} given, {} needed", values.size(), what,
                                to.defined() ? to.numel() : 0));
    if (to.defined()) to.copy_(torch::tensor(values, torch::kFloat).reshape(to.sizes()));
  };
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (!layers[i].has_weights()) continue;
    const auto found = weights.find(layers[i].name);
    if (found == weights.end()) refuse(layers[i], "no weights given");
    auto& p = parameters_[i];
    set(layers[i], p.weight, found->second.weight, "weights");
    set(layers[i], p.bias, found->second.bias, "biases");
  }
}

}  // namespace tilewake
