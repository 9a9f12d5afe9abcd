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
  int program_layer = -1;  // who the trace says it is
  TileProblem problem;
  Tiling tiling;
  /// TiledProgram::layers whose outputs it reads: their stores end before its features are loaded.
  std::vector<int> reads_from;
  // DRAM addresses in bytes.
  std::int64_t input_address = 0;
  std::int64_t second_address = 0;
  std::int64_t weight_address = 0;
  std::int64_t output_address = 0;
  std::int64_t sums_address = 0;  // where partial sums are spilled to
};

/// What a core that works in tiles does, in order; TileWalk tells the steps of each layer.
struct TiledProgram {
  TileMemory memory;
  std::shared_ptr<const StepCost> cost;
  std::vector<TiledLayer> layers;
};

}  // namespace tilewake
