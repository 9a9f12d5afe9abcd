// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "simulator/hardware/tile_memory.hpp"
#include "simulator/mapping/tiled/dram_estimate.hpp"
#include "simulator/mapping/tiled/step_cost.hpp"
#include "simulator/mapping/tiled/tile_walk.hpp"

namespace tilewake {

/// One loop of a tiling and what all its tiles come to.
struct LoopCut {
  std::int64_t whole = 1;
  std::int64_t tile = 1;
  // Of the first operand, as input_elements (pixels) or input_channels of one group (depth) tell.
  std::int64_t largest_input = 0;
  std::int64_t sum_of_inputs = 0;

  std::int64_t trips() const { return (whole + tile - 1) / tile; }
  std::int64_t last() const { return whole - (trips() - 1) * tile; }
};

/// The cuts of a layer: with an order they are a tiling, and everything below is O(1).
struct LoopCuts {
  std::int64_t groups = 1;  // of a tile
  LoopCut pixels;
  LoopCut outputs;
  LoopCut depth;

  const LoopCut& of(TileLoop loop) const {
    return loop == TileLoop::kPixels ? pixels : loop == TileLoop::kOutputs ? outputs : depth;
  }
  TileExtent tile() const { return {groups, pixels.tile, outputs.tile, depth.tile}; }
};

/// Cuts of one loop; O(number of tiles).
LoopCut cut_pixels(const TileProblem& problem, std::int64_t tile);
LoopCut cut_depth(const TileProblem& problem, std::int64_t tile);
LoopCut cut_outputs(const TileProblem& problem, std::int64_t tile);
LoopCuts cuts_of(const TileProblem& problem, const TileExtent& tile);

/// Space that a tiling takes in one slot of each buffer.
struct TileFootprint {
  std::int64_t input = 0;
  std::int64_t weight = 0;
  std::int64_t output = 0;
};

TileFootprint footprint_of(const TileProblem& problem, const LoopCuts& cuts, const Tiling& tiling,
                           const StepCost& cost, std::int64_t accumulator_bytes);

/// Bytes that a tiling moves, equal to the sums over its steps.
struct TilingTraffic {
  double input_bytes = 0.0;
  double weight_bytes = 0.0;
  double second_bytes = 0.0;
  double spilled_bytes = 0.0;  // partial sums, written and read back
  double output_bytes = 0.0;

  double total() const {
    return input_bytes + weight_bytes + second_bytes + spilled_bytes + output_bytes;
  }
};

TilingTraffic traffic_of(const TileProblem& problem, const LoopCuts& cuts, const Tiling& tiling,
                         std::int64_t accumulator_bytes);

/// What the cycles of a layer saturate at: beyond any run, and sums over all layers fit 64 bits.
inline constexpr std::int64_t kMaxTiledCycles = std::int64_t{1} << 45;

/// Cycles of all steps, equal to the sum over them, but at most kMaxTiledCycles.
std::int64_t compute_cycles_of(const TileProblem& problem, const LoopCuts& cuts,
                               const Tiling& tiling, const StepCost& cost);

/// Cycles of the layer by itself: first loads, then whichever takes longer of computing and DRAM,
/// then the last store. Loads into a buffer of one slot add to computing, which waits for them.
double estimated_cycles(const TileProblem& problem, const LoopCuts& cuts,
                        const TilingTraffic& traffic, std::int64_t compute_cycles,
                        const TileMemory& memory, const DramEstimate& dram);

}  // namespace tilewake
