// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "nas/quantization/fixed_point.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// A feature map of uint8 values q stands for (q - zero_point) x scale.
struct MapQuantization {
  float scale = 1.0F;
  std::int32_t zero_point = 0;  // 0..255

  friend bool operator==(const MapQuantization&, const MapQuantization&) = default;
};

/// Integers of one layer; README.md specifies what is computed from them.
struct QuantizedLayer {
  MapQuantization linear;  // of the result before a table; without one, as `output`
  MapQuantization output;
  // Of an op with weights.
  std::vector<std::int8_t> weight;  // out x in/groups x kh x kw; fully connected: out x in
  std::vector<float> weight_scale;  // out
  std::vector<std::int32_t> bias;   // out, in units of input scale x weight scale; empty: none
  // From the sum of products to units of `linear`: one an output channel of an op with weights, one
  // an input of concat, one of mul and pools. Empty for add, max_pool and moved channels.
  std::vector<FixedFactor> factors;
  FixedPair pair;  // of add
  // Bounds of the linear result: relu and relu6 without a table.
  std::int32_t low = 0;
  std::int32_t high = 255;
  std::vector<std::uint8_t> table;  // 256 outputs, one a linear result; empty: they are equal
};

/// A network in integers: weights of 8 bits with a scale for each output channel, feature maps of 8
/// bits with one scale and zero point, biases and sums of 32 bits.
struct QuantizedNetwork {
  Network network;
  MapQuantization input;
  std::vector<QuantizedLayer> layers;  // of network.layers

  /// Of `index`, a layer or kNetworkInput.
  const MapQuantization& of(int index) const {
    return index == kNetworkInput ? input : layers[static_cast<std::size_t>(index)].output;
  }
};

/// Throws InputError naming the first layer that has no integer arithmetic here: ops other than
/// convolutions, fully connected layers, pools, add, mul, concat of channels, channel_split and
/// channel_shuffle; activations other than relu, relu6, leaky_relu, sigmoid, hsigmoid, swish and
/// hswish; several images, shared weights, dilated avg_pool, an add of maps of different sizes,
/// and sums that 32 bits might not hold.
void check_quantizable(const Network& network);

/// Whether the result of `layer` goes through a table of 256 entries, instead of bounds or nothing.
bool has_table(const Layer& layer);

/// Whether `layer` passes numbers on as they are, in the scale of its input.
bool keeps_scale(const Layer& layer);

/// The input channels that one output channel reads.
std::int64_t weight_channels(const Layer& layer);
/// Products of one output element.
std::int64_t num_products(const Layer& layer);

/// `activation` of x, in double precision.
double activated(Activation activation, double x);

/// The same for entries of tables, rounded to single precision after each step, as a program that
/// runs the operators of the ONNX model computes it.
float activated_entry(Activation activation, float x);

/// The layers that read each layer, ascending.
std::vector<std::vector<int>> readers_of(const Network& network);

}  // namespace tilewake
