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
    int stored_in = -1;        // the layer whose tensor contains its output; -1: none
    bool is_view = false;      // its output is there when its inputs are: nothing is computed
    std::int64_t address = 0;  // of its output tensor, or of that of the fused layer
  };

  std::vector<Node> nodes;  // one per network layer
  std::int64_t input_address = 0;
  std::int64_t end_address = 0;  // end of all tensors

  std::int64_t address_of(int layer) const {
    return layer == kNetworkInput ? input_address : nodes[static_cast<std::size_t>(layer)].address;
  }
};

/// Whether the output of a layer is its input, or a range of the input's channels, in another
/// shape.
bool is_view_of_input(const Layer& layer);

/// Tensors are stored consecutively from `base_address`, each aligned to a DRAM row. Addresses
/// count bytes.
///
/// - The inputs of a concat are parts of its tensor. A concat whose inputs lie one after another in
///   the tensor of a larger one is a part of that: concat(a, b) is the beginning of concat(a, b,
///   c).
/// - A channel_split is a part of the tensor of its input. A transpose that moves nothing, such as
///   one of 4 x 4 pixels to 16 rows, is that tensor. Splits that follow one another in a concat
///   until they are a whole map are that map in the concat's tensor.
/// - What is stored elsewhere already (the network's input, a view, an input of another concat) is
///   copied. Rows and columns that a concat joins are copied in place like channels: where parts of
///   rows lie in DRAM is not modelled.
TiledGraph make_tiled_graph(const Network& network, bool fuse_elementwise,
                            std::int64_t base_address, std::int64_t element_bytes = 1);

}  // namespace tilewake
