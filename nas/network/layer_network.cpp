// SPDX-License-Identifier: Apache-2.0
#include "nas/network/layer_network.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "nas/network/layers.hpp"
#include "nas/network/normalization.hpp"
#include "nas/network/plain_layer.hpp"
#include "nas/quantization/float_executor.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

using torch::Tensor;

[[noreturn]] void refuse(const Layer& layer, const std::string& what) {
  throw InputError(fmt::format("layer '{}' ({}): {}", layer.name, to_string(layer.op), what));
}

std::size_t index_of(int layer) { return static_cast<std::size_t>(layer); }

void check_trainable(const Network& network, const std::vector<int>& last_readers) {
  if (network.batch != 1)
    throw InputError(
        fmt::format("network {}: batch {}: only networks of batch 1 are trained; the recipe has "
                    "the batch of training",
                    network.name, network.batch));
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const Layer& layer = network.layers[i];
    if (!has_linear_result(layer.op)) refuse(layer, "layers of this kind are not trained");
    if (layer.weights_of >= 0) refuse(layer, "layers that share weights are not trained");
    activate(torch::zeros({1}), layer.activation);  // refuses an activation
    if (index_of(last_readers[i]) == i && i + 1 < network.layers.size())
      refuse(layer, fmt::format("is a second output besides '{}'; networks with one are trained",
                                network.layers.back().name));
  }
}

}  // namespace

LayerNetworkImpl::LayerNetworkImpl(Network trained, Normalization normalization)
    : network(std::move(trained)),
      parameters_(network.layers.size()),
      last_readers_(last_readers_of(network)) {
  check_trainable(network, last_readers_);
  for (std::size_t i = 0; i < network.layers.size(); ++i)
    if (network.layers[i].has_weights()) add_parameters(i, normalization);
}

void LayerNetworkImpl::add_parameters(std::size_t index, Normalization normalization) {
  const Layer& layer = network.layers[index];
  Parameters& p = parameters_[index];
  const std::string name = fmt::format("layer{}", index);
  p.weight = register_parameter(name + "_weight", torch::empty(weight_dims(layer)));
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

Tensor LayerNetworkImpl::forward(const Tensor& images) {
  std::vector<Tensor> outputs(network.layers.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Layer& layer = network.layers[i];
    std::vector<Tensor> operands;
    for (const int input : layer.inputs)
      operands.push_back(input == kNetworkInput ? images : outputs[index_of(input)]);
    if (i == last_weighted_ && is_training() && dropout > 0.0)
      operands.front() = torch::dropout(operands.front(), dropout, /*train=*/true);
    const Parameters& p = parameters_[i];
    const Tensor y = linear_result(layer, operands, p.weight, p.bias);
    torch::nn::BatchNorm2d bn = p.bn;
    outputs[i] = bn.is_empty()
                     ? activate(y, layer.activation)
                     : normalize_and_activate(bn, y.contiguous(torch::MemoryFormat::ChannelsLast),
                                              layer.activation);
    for (const int input : layer.inputs)
      if (input != kNetworkInput && index_of(last_readers_[index_of(input)]) == i)
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
