// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "nas/common/random.hpp"
#include "nas/export/layer_weights.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// `size` numbers, uniform in +-`limit`.
inline std::vector<float> random_values(std::uint64_t seed, std::int64_t size, double limit) {
  RandomStream random(seed);
  std::vector<float> values(static_cast<std::size_t>(size));
  for (float& value : values) value = static_cast<float>((2.0 * random.unit() - 1.0) * limit);
  return values;
}

/// Weights of every layer with weights, scaled so that feature maps neither vanish nor explode.
inline LayerWeights random_weights(const Network& network, std::uint64_t seed) {
  LayerWeights weights;
  for (const Layer& layer : network.layers) {
    if (!layer.has_weights()) continue;
    const std::int64_t fan_in = layer.num_weights() / layer.ofm.channels;
    weights[layer.name] = {random_values(++seed * 2, layer.num_weights(),
                                         std::sqrt(6.0 / static_cast<double>(fan_in))),
                           random_values(seed * 2 + 1, layer.bias ? layer.ofm.channels : 0, 0.5)};
  }
  return weights;
}

}  // namespace tilewake
