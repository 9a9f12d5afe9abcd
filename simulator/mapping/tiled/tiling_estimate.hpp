// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "simulator/hardware/tile_memory.hpp"
#include "simulator/mapping/tiled/dram_estimate.hpp"
#include "simulator/mapping/tiled/loop_cut.hpp"
#include "simulator/mapping/tiled/step_cost.hpp"
#include "simulator/mapping/tiled/tile_walk.hpp"

namespace tilewake {

/// Of the first operand, over the tiles of one or both of its loops: elements per channel (pixels),
/// channels of one group (depth), or their product.
struct InputTotals {
  std::int64_t largest = 0;  // that the buffer keeps
  double sum = 0.0;          // that are loaded
};

/// Tiles of pixels, and what they load of one channel if their depth contains whole windows.
struct PixelCut {
  PixelOrder order;
  LoopCut cut;
  InputTotals input;
  InputTotals second;  // of the second operand
};

/// Tiles of depth, and the channels that they load.
struct DepthCut {
  LoopCut cut;
  InputTotals input;
};

/// O(number of tiles of a line and of strips), in unbroken lines O(number of tiles).
PixelCut cut_pixels(const TileProblem& problem, const PixelOrder& order, std::int64_t tile);
/// O(number of taps).
DepthCut cut_depth(const TileProblem& problem, std::int64_t tile);

/// What LoopCuts of these cost, in sizes of rows and columns that are calculated.
double cuts_work(const TileProblem& problem, const PixelCut& pixels, const DepthCut& depth);

/// The loops of a layer, cut into tiles. With an order they form a tiling; all functions below are
/// O(1).
struct LoopCuts {
  /// Depth cut within windows costs O(number of taps) times the cost of a PixelCut.
  LoopCuts(const TileProblem& problem, std::int64_t tile_groups, const PixelCut& pixel_cut,
           std::int64_t tile_outputs, const DepthCut& depth_cut);

  std::int64_t groups = 1;  // per tile
  PixelOrder order;
  LoopCut pixels;
  LoopCut outputs;
  LoopCut depth;
  std::int64_t depth_channels = 1;  // of one group, that the largest tile reads
  InputTotals input;                // of one group
  InputTotals second;               // of one channel
  TileExtent trips;                 // numbers of tiles

  const LoopCut& of(TileLoop loop) const {
    return loop == TileLoop::kPixels ? pixels : loop == TileLoop::kOutputs ? outputs : depth;
  }
  std::int64_t trips_of(TileLoop loop) const {
    return loop == TileLoop::kPixels    ? trips.pixels
           : loop == TileLoop::kOutputs ? trips.outputs
                                        : trips.depth;
  }
  TileExtent tile() const { return {groups, pixels.tile, outputs.tile, depth.tile}; }
};

LoopCuts cuts_of(const TileProblem& problem, const Tiling& tiling);

/// Bytes of a tiling in one slot of each buffer; of a core, if several divide the tiles.
struct TileFootprint {
  std::int64_t input = 0;
  std::int64_t weight = 0;
  std::int64_t output = 0;
};

TileFootprint footprint_of(const TileProblem& problem, const LoopCuts& cuts, const Tiling& tiling,
                           const StepCost& cost, std::int64_t accumulator_bytes);

/// Of a tile of one pixel of one group, in the order of loops that needs the least.
TileFootprint least_footprint(const TileProblem& problem, std::int64_t outputs, std::int64_t depth,
                              const StepCost& cost, std::int64_t accumulator_bytes);

/// Bytes moved by a tiling, equal to the sum over its steps.
struct TilingTraffic {
  double input_bytes = 0.0;
  double weight_bytes = 0.0;
  double second_bytes = 0.0;
  double spilled_bytes = 0.0;  // partial sums, written and read back
  double output_bytes = 0.0;

  double total() const {
    return input_bytes + weight_bytes + second_bytes + spilled_bytes + output_bytes;
  }
  /// The part that the memory of feature maps and weights serves; DRAM serves the rest.
  double on_chip(const TileProblem::OnChip& from) const {
    return (from.input ? input_bytes : 0.0) + (from.second ? second_bytes : 0.0) +
           (from.output ? output_bytes : 0.0) + (from.weights ? weight_bytes : 0.0);
  }
};

TilingTraffic traffic_of(const TileProblem& problem, const LoopCuts& cuts, const Tiling& tiling,
                         std::int64_t accumulator_bytes);

/// Whether the stationary operand stays between the tiles of the innermost loop with several tiles:
/// of the order, compute cycles depend on nothing else.
bool keeps_stationary(const LoopCuts& cuts, const Tiling& tiling, Stationary stationary);

/// Saturation value of the cycles of a layer: larger than any run, and sums over all layers fit 64
/// bits.
inline constexpr std::int64_t kMaxTiledCycles = std::int64_t{1} << 45;

/// Compute cycles of all steps, equal to their sum, but at most kMaxTiledCycles.
std::int64_t compute_cycles_of(const TileProblem& problem, const LoopCuts& cuts,
                               const Tiling& tiling, const StepCost& cost);

/// At most these, in any order of the loops; nearly equal. Several times as fast.
std::int64_t least_compute_cycles_of(const TileProblem& problem, const LoopCuts& cuts,
                                     const Division& division, const StepCost& cost);

/// Cycles of an isolated layer: first loads, then the maximum of computing, DRAM and memory of
/// feature maps, then the last store. Loads into a single-slot buffer add to computing, which waits
/// for them.
double estimated_cycles(const TileProblem& problem, const LoopCuts& cuts,
                        const TilingTraffic& traffic, std::int64_t compute_cycles,
                        const TileMemory& memory, const DramEstimate& dram);

}  // namespace tilewake
