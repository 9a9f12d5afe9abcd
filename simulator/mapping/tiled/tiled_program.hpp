// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "simulator/hardware/tile_memory.hpp"
#include "simulator/mapping/tiled/step_cost.hpp"
#include "simulator/mapping/tiled/tile_walk.hpp"

namespace tilewake {

/// One layer of a core that works in tiles.
struct TiledLayer {
  int program_layer = -1;  // the layer's row in the trace
  TileProblem problem;
  Tiling tiling = {};
  /// TiledProgram::layers that it reads: their stores end before its features are loaded.
  std::vector<int> reads_from = {};
  /// The same of the map that it uses as weights, a matmul's second operand; they are loaded after
  /// these stores, too.
  std::vector<int> weights_from = {};
  bool has_map_as_weights = false;
  // DRAM addresses in bytes; those of maps on chip are not used.
  std::int64_t input_address = 0;
  std::int64_t second_address = 0;
  std::int64_t weight_address = 0;
  std::int64_t output_address = 0;
  std::int64_t sums_address = 0;  // of spilled partial sums
};

/// The work of a core that works in tiles, in order; TileWalk iterates over the steps of each
/// layer.
struct TiledProgram {
  TileMemory memory;
  std::shared_ptr<const StepCost> cost;
  std::vector<TiledLayer> layers;
  /// The first inference: each resident weight is loaded from DRAM where it is first used, and is
  /// in the memory from then on.
  bool cold = false;

  bool loads_weights_on_chip(const TiledLayer& layer, const TileStep& step) const {
    return layer.problem.on_chip().weights &&
           !(cold && !layer.has_map_as_weights && step.block.pixels.begin == 0);
  }
};

}  // namespace tilewake
