// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "simulator/network/network.hpp"

namespace tilewake {

/// Who computes what of a network on a core that works in tiles, and where its tensors lie.
struct TiledGraph {
  struct Node {
    int host = -1;             // network layer that computes it on the way; -1: it runs by itself
    int fused = -1;            // the add or mul that it computes on the way; -1: none
    int second = -2;           // what that add or mul combines it with: a layer, or kNetworkInput
    std::vector<int> copies;   // inputs of a concat that it must copy, as positions in `inputs`
    std::int64_t address = 0;  // of its output tensor, or that of what it fuses
  };

  std::vector<Node> nodes;  // one a network layer
  std::int64_t input_address = 0;
  std::int64_t end_address = 0;  // behind all tensors

  std::int64_t address_of(int layer) const {
    return layer == kNetworkInput ? input_address : nodes[static_cast<std::size_t>(layer)].address;
  }
};

/// Tensors are laid out from `base_address` on, one behind another, each from a row of DRAM on.
TiledGraph make_tiled_graph(const Network& network, bool fuse_elementwise,
                            std::int64_t base_address);

}  // namespace tilewake
