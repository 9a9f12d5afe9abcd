// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "simulator/network/network.hpp"

namespace tilewake {

/// Fusion and tensor addresses of a network on a core that works in tiles.
struct TiledGraph {
  struct Node {
    int host = -1;             // network layer that it is fused into; -1: it runs by itself
    int fused = -1;            // the add or mul fused into it; -1: none
    int second = -2;           // other operand of that add or mul: a layer, or kNetworkInput
    std::vector<int> copies;   // inputs of a concat that are copied, as positions in `inputs`
    int stored_in = -1;        // the concat whose tensor contains its output; -1: none
    std::int64_t address = 0;  // of its output tensor, or of that of the fused layer
  };

  std::vector<Node> nodes;  // one per network layer
  std::int64_t input_address = 0;
  std::int64_t end_address = 0;  // end of all tensors

  std::int64_t address_of(int layer) const {
    return layer == kNetworkInput ? input_address : nodes[static_cast<std::size_t>(layer)].address;
  }
};

/// Tensors are stored consecutively from `base_address`, each aligned to a DRAM row.
TiledGraph make_tiled_graph(const Network& network, bool fuse_elementwise,
                            std::int64_t base_address);

}  // namespace tilewake
