// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "simulator/mapping/tiled/tile_problem.hpp"

namespace tilewake {

/// The operand that stays in the processing elements from one step to the next.
enum class Stationary { kNone, kInput, kWeight, kOutput };

/// The position of a step in its layer.
struct TileContext {
  bool first = true;       // of the layer
  bool last = true;        // of the layer
  bool continues = false;  // the stationary operand is that of the previous step
  bool ends_depth = true;  // its outputs are complete: fused operations run now
  bool stays = false;      // the stationary operand is that of the next step, too

  friend bool operator==(const TileContext&, const TileContext&) = default;
};

/// Compute time of one step of a layer with all operands on chip; one implementation per core kind.
/// A pure function of the extents: a tiler calls it thousands of times.
class StepCost {
 public:
  virtual ~StepCost() = default;

  /// Cycles of a step. See the implementations for formulas and sources.
  virtual std::int64_t cycles(const TileProblem& problem, const TileExtent& extent,
                              const TileContext& context) const = 0;
  /// No tiling of the layer takes fewer cycles of computation than these, and for each of its steps
  /// `least_step_cycles` more.
  virtual std::int64_t least_cycles(const TileProblem& problem) const = 0;
  virtual std::int64_t least_step_cycles() const { return 0; }
  /// The last ones of these cycles, in which a unit for vectors works instead of the PE array.
  virtual std::int64_t vector_unit_cycles(const TileProblem& /*problem*/,
                                          const TileExtent& /*extent*/,
                                          const TileContext& /*context*/) const {
    return 0;
  }
  /// Multiples of tile extents that fill the hardware.
  virtual TileExtent granularity(const TileProblem& problem) const = 0;
  /// The operand that `TileContext::continues` and `stays` refer to.
  virtual Stationary stationary(const TileProblem& problem) const = 0;
  /// Whether a step of this extent keeps partial sums in the output buffer although it computes the
  /// whole depth.
  virtual bool accumulates(const TileProblem& problem, const TileExtent& extent) const = 0;
};

}  // namespace tilewake
