// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "simulator/mapping/tiled/tile_problem.hpp"

namespace tilewake {

/// Which operand stays in the processing elements from one step to the next.
enum class Stationary { kNone, kInput, kWeight, kOutput };

/// What a step is to the ones before and after it.
struct TileContext {
  bool first = true;       // of the layer
  bool last = true;        // of the layer
  bool continues = false;  // the stationary operand is that of the step before
  bool ends_depth = true;  // its outputs are complete: what is fused is done now
  bool stays = false;      // the stationary operand is that of the step behind, too
};

/// How long a core computes one step of a layer, all operands being on chip: one implementation a
/// core kind. A pure function of extents, so that a tiler can ask it thousands of times.
class StepCost {
 public:
  virtual ~StepCost() = default;

  /// Cycles of a step. Law and source: the implementations.
  virtual std::int64_t cycles(const TileProblem& problem, const TileExtent& extent,
                              const TileContext& context) const = 0;
  /// Multiples in which extents of tiles fill the hardware.
  virtual TileExtent granularity(const TileProblem& problem) const = 0;
  /// Which operand `TileContext::continues` and `stays` are about.
  virtual Stationary stationary(const TileProblem& problem) const = 0;
  /// Whether a step of this extent keeps partial sums in the output buffer although it computes the
  /// whole depth.
  virtual bool accumulates(const TileProblem& problem, const TileExtent& extent) const = 0;
};

}  // namespace tilewake
