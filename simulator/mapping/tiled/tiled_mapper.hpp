// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "simulator/hardware/tile_memory.hpp"
#include "simulator/mapping/program.hpp"
#include "simulator/mapping/step_budget.hpp"
#include "simulator/mapping/tiled/dram_estimate.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// A core kind, as the mapper of tiles sees it.
struct TiledMachine {
  TileMemory memory;
  std::shared_ptr<const StepCost> cost;
  bool fuse_elementwise = false;
  DramEstimate dram;
};

/// Layers in the order of the network, each cut up by the Tiler; every tensor lives in DRAM.
///
/// - add and mul are fused into the layer that computes their first or second operand, if that is
///   as large as the result, is read by nobody else, runs after the other one, and the machine
///   fuses.
/// - A concat takes no time: its inputs are stored where it wants them. An input that already lies
///   elsewhere (the network's, or one of another concat) is copied, tile by tile.
/// - A channel_split copies the channels that it takes and reads no others. A channel_shuffle
/// copies
///   all of them; like the rows of a tile, the planes that it scatters are moved as one stream.
///   Nothing is fused into either.
///
/// Throws InputError naming the layer and the buffer that is too small, or the layer up to which
/// the steps exceed the bound.
Program map_tiled(const Network& network, const TiledMachine& machine,
                  const MappingOptions& options = {});

}  // namespace tilewake
