// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "simulator/hardware/tile_memory.hpp"
#include "simulator/mapping/tiled/dram_estimate.hpp"
#include "simulator/mapping/tiled/tiled_graph.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// Where a feature map or the weights of a layer are stored.
struct Place {
  bool on_chip = false;
  std::string reason;  // why in DRAM; empty on chip, and for a layer without weights
};

/// One entry per network layer.
struct Places {
  std::vector<Place> outputs;  // with that of the layer fused into it; empty without the memory
  std::vector<Place> weights;  // empty on a machine on which none stay
};

/// What stays in the memory of features.
///
/// A map occupies its bytes from the layer that computes it to the last one that reads it; the
/// inputs of a concat are parts of the concat's map. Of the maps that fit, those with the most DRAM
/// traffic saved per byte and layer are chosen first. The network's input and outputs are in DRAM.
/// Nothing stays if the memory is slower than DRAM.
///
/// Weights stay layer by layer in the order of the network, those of a layer as a whole, as far as
/// they fit beside the most bytes of maps at a time. So does the compiler of the Edge TPU (Google,
/// "Edge TPU Compiler", parameter data caching). If weights in the place of the largest maps save
/// more DRAM traffic, these maps are in DRAM.
///   @param weight_bytes  of each layer, with biases
Places place_on_chip(const Network& network, const TiledGraph& graph,
                     const std::vector<std::int64_t>& weight_bytes, const TileMemory& memory,
                     const DramEstimate& dram);

}  // namespace tilewake
