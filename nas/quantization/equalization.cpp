// SPDX-License-Identifier: Apache-2.0
#include "nas/quantization/equalization.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "nas/quantization/quantized_network.hpp"

namespace tilewake {
namespace {

constexpr double kMaxFactor = 64.0;

bool is_convolution(const Layer& layer) {
  return layer.op == Op::kConv2d || layer.op == Op::kDepthwiseConv2d;
}

/// Calls f(weight, channel) for the weights of `layer`, with the input channel that each reads.
template <typename F>
void for_each_weight(const Layer& layer, std::vector<float>& weight, F f) {
  const std::int64_t taps = layer.kernel_height * layer.kernel_width;
  const std::int64_t channels = weight_channels(layer);
  const std::int64_t groups = layer.ifm.channels / channels;
  const std::int64_t outputs = layer.ofm.channels / groups;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(weight.size()); ++i) {
    const std::int64_t output = i / (taps * channels);
    const std::int64_t channel = output / outputs * channels + i / taps % channels;
    f(weight[static_cast<std::size_t>(i)], static_cast<std::size_t>(channel));
  }
}

/// By which each channel between `reader` and the layer before is divided.
std::vector<double> factors_of(const std::vector<float>& largest, const Layer& reader,
                               std::vector<float>& weight) {
  std::vector<double> read(largest.size(), 0.0);
  for_each_weight(reader, weight, [&](float w, std::size_t channel) {
    read[channel] = std::max(read[channel], std::abs(static_cast<double>(w)));
  });
  std::vector<double> factors(largest.size(), 0.0);
  double product = 0.0;
  int count = 0;
  for (std::size_t c = 0; c < factors.size(); ++c) {
    const auto m = static_cast<double>(largest[c]);
    if (m <= 0.0 || read[c] <= 0.0) continue;  // a channel that carries nothing
    factors[c] = reader.op == Op::kDepthwiseConv2d ? m : std::sqrt(m / read[c]);
    product += std::log(factors[c]);
    ++count;
  }
  const double mean = count == 0 ? 1.0 : std::exp(product / count);
  for (double& factor : factors)
    factor = factor <= 0.0 ? 1.0 : std::clamp(factor / mean, 1.0 / kMaxFactor, kMaxFactor);
  return factors;
}

}  // namespace

LayerWeights equalized_weights(const Network& network, const LayerWeights& weights,
                               const MapStatistics& statistics) {
  LayerWeights equalized = weights;
  const std::vector<std::vector<int>> readers = readers_of(network);
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const Layer& layer = network.layers[i];
    const bool is_homogeneous =
        layer.activation == Activation::kNone || layer.activation == Activation::kRelu;
    if (!is_convolution(layer) || !is_homogeneous || readers[i].size() != 1) continue;
    const Layer& reader = network.layers[static_cast<std::size_t>(readers[i][0])];
    if (!is_convolution(reader)) continue;
    LayerWeight& first = equalized.at(layer.name);
    LayerWeight& second = equalized.at(reader.name);
    const std::vector<double> factors = factors_of(statistics.largest[i], reader, second.weight);
    const std::size_t products = first.weight.size() / factors.size();
    for (std::size_t k = 0; k < first.weight.size(); ++k)
      first.weight[k] =
          static_cast<float>(static_cast<double>(first.weight[k]) / factors[k / products]);
    for (std::size_t c = 0; c < first.bias.size(); ++c)
      first.bias[c] = static_cast<float>(static_cast<double>(first.bias[c]) / factors[c]);
    for_each_weight(reader, second.weight, [&](float& w, std::size_t channel) {
      w = static_cast<float>(static_cast<double>(w) * factors[channel]);
    });
  }
  return equalized;
}

}  // namespace tilewake
