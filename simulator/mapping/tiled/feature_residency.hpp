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

/// Where the output of a layer is stored, with that of the layer fused into it.
struct OutputPlace {
  bool on_chip = false;
  std::string spill_reason;  // why it is in DRAM; empty on chip
};

/// The feature maps that stay in `memory`, one entry per network layer; empty without such a
/// memory.
///
/// A map occupies its bytes from the layer that computes it to the last one that reads it; the
/// inputs of a concat are parts of the concat's map. Of the maps that fit, those with the most DRAM
/// traffic saved per byte and layer are chosen first. The network's input and outputs are in DRAM.
/// No map stays if the memory is slower than DRAM.
std::vector<OutputPlace> place_outputs(const Network& network, const TiledGraph& graph,
                                       const FeatureMemory& memory, const DramEstimate& dram);

}  // namespace tilewake
