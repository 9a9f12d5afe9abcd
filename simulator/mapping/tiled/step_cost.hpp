// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "simulator/common/math.hpp"
#include "simulator/mapping/tiled/tile_problem.hpp"

namespace tilewake {

/// The operand that stays in the processing elements from one step to the next.
enum class Stationary { kNone, kInput, kWeight, kOutput };

/// The loop of each tile that several cores divide: every core computes a part of it.
enum class DividedLoop { kGroups, kPixels, kOutputs };

/// How the cores of a machine, which have their own buffers, divide the tiles of a layer.
struct Division {
  DividedLoop loop = DividedLoop::kPixels;
  std::int64_t num_cores = 1;

  /// The largest part of a tile.
  TileExtent share_of(TileExtent tile) const {
    std::int64_t& size = loop == DividedLoop::kGroups   ? tile.groups
                         : loop == DividedLoop::kPixels ? tile.pixels
                                                        : tile.outputs;
    size = ceil_div(size, num_cores);
    return tile;
  }
  friend bool operator==(const Division&, const Division&) = default;
};

/// The position of a step in its layer.
struct TileContext {
  bool first = true;       // of the layer
  bool last = true;        // of the layer
  bool continues = false;  // the stationary operand is that of the previous step
  bool ends_depth = true;  // its outputs are complete: fused operations run now
  bool stays = false;      // the stationary operand is that of the next step, too
  Division division = {};  // of the layer

  friend bool operator==(const TileContext&, const TileContext&) = default;
};

/// Compute time of one step of a layer with all operands on chip; one implementation per core kind.
/// A pure function of the extents: a tiler calls it thousands of times.
class StepCost {
 public:
  virtual ~StepCost() = default;

  /// Cycles of a step. See the implementations for formulas and sources. Of the steps of an extent
  /// between the first and the last one of a layer, none takes less than one that continues, stays
  /// and ends no depth.
  virtual std::int64_t cycles(const TileProblem& problem, const TileExtent& extent,
                              const TileContext& context) const = 0;
  /// No tiling of the layer takes fewer cycles of computation than these, and for each of its steps
  /// `least_step_cycles` more.
  virtual std::int64_t least_cycles(const TileProblem& problem) const = 0;
  virtual std::int64_t least_step_cycles() const { return 0; }
  /// The part of least_cycles() in which the core computes at its full rate.
  virtual std::int64_t full_rate_cycles(const TileProblem& problem) const {
    return least_cycles(problem);
  }
  /// The last ones of these cycles, in which a unit for vectors works instead of the PE array.
  virtual std::int64_t vector_unit_cycles(const TileProblem& /*problem*/,
                                          const TileExtent& /*extent*/,
                                          const TileContext& /*context*/) const {
    return 0;
  }
  /// Cores that divide a loop of every tile, each with its own buffers. Cores that share one memory
  /// of tiles are a part of `cycles` only.
  virtual std::int64_t num_cores() const { return 1; }
  /// Multiples of tile extents that fill a core.
  virtual TileExtent granularity(const TileProblem& problem) const = 0;
  /// The operand that `TileContext::continues` and `stays` refer to.
  virtual Stationary stationary(const TileProblem& problem) const = 0;
  /// Whether a step of this extent keeps partial sums in the output buffer although it computes the
  /// whole depth.
  virtual bool accumulates(const TileProblem& problem, const TileExtent& extent) const = 0;
};

}  // namespace tilewake
