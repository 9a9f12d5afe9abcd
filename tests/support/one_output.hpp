// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "simulator/network/network.hpp"

namespace tilewake {

/// `network` without the layers that its last one does not depend on.
inline Network with_one_output(Network network) {
  std::vector<bool> needed(network.layers.size());
  needed.back() = true;
  for (std::size_t i = network.layers.size(); i-- > 0;) {
    if (!needed[i]) continue;
    for (const int input : network.layers[i].inputs)
      if (input != kNetworkInput) needed[static_cast<std::size_t>(input)] = true;
  }
  std::vector<int> new_index(network.layers.size(), kNetworkInput);
  std::vector<Layer> kept;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    if (!needed[i]) continue;
    new_index[i] = static_cast<int>(kept.size());
    Layer layer = std::move(network.layers[i]);
    for (int& input : layer.inputs)
      if (input != kNetworkInput) input = new_index[static_cast<std::size_t>(input)];
    kept.push_back(std::move(layer));
  }
  network.layers = std::move(kept);
  return network;
}

}  // namespace tilewake
