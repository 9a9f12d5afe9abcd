// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "simulator/network/layer.hpp"

namespace tilewake {

/// Trained values of one layer of a Network, batch normalisation folded in.
struct LayerWeight {
  std::vector<float> weight;  // out x in/groups x kh x kw; fully connected: out x in
  std::vector<float> bias;    // out
};

/// Dims of the weights of a layer that has any.
inline std::vector<std::int64_t> weight_dims(const Layer& layer) {
  if (layer.op == Op::kFullyConnected) return {layer.ofm.channels, layer.ifm.num_elements()};
  const std::int64_t groups = layer.op == Op::kConv2d ? layer.groups : layer.ifm.channels;
  return {layer.ofm.channels, layer.ifm.channels / groups, layer.kernel_height, layer.kernel_width};
}

/// By Layer::name, for every layer with weights.
using LayerWeights = std::map<std::string, LayerWeight>;

}  // namespace tilewake
