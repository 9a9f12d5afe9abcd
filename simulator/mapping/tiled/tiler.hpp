// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "simulator/mapping/tiled/tiling_estimate.hpp"

namespace tilewake {

/// Chooses the tile sizes and the loop order with the least estimated time (`estimated_cycles`). It
/// tries all orders with sizes that halve each loop down to the hardware's granularity (down to
/// one, if none of these fits), and rectangles of pixels that halve both sides of the map, then
/// improves one loop at a time. Ties are decided by fewer bytes and steps.
class Tiler {
 public:
  Tiler(const TileMemory& memory, const StepCost& cost, const DramEstimate& dram)
      : memory_(memory), cost_(cost), dram_(dram) {}

  /// The best tiling. Throws InputError naming the buffer that is too small if none fits.
  Tiling best(const TileProblem& problem) const;

  bool fits(const TileFootprint& footprint) const;

 private:
  struct Choice;

  void search_halves(const TileProblem& problem, const TileExtent& unit, Choice& choice) const;
  void refine(const TileProblem& problem, const TileExtent& unit, Choice& choice) const;
  void refine_rectangle(const TileProblem& problem, Choice& choice) const;
  void consider(const TileProblem& problem, const LoopCuts& cuts, Choice& choice) const;
  /// Required / available bytes of the fullest memory; at most 1 if the tiling fits.
  double fullness(const TileFootprint& footprint) const;
  double exposed_cycles() const;
  std::string error_of(const TileFootprint& closest) const;

  TileMemory memory_;
  const StepCost& cost_;
  DramEstimate dram_;
};

}  // namespace tilewake
