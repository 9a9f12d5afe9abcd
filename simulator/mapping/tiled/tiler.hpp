// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "simulator/mapping/tiled/tiling_estimate.hpp"

namespace tilewake {

/// Chooses tile sizes and loop order of least estimated time (`estimated_cycles`): the best of all
/// orders and of sizes that halve each loop down to what fills the hardware (down to one, if none
/// of these fits), and from there one loop at a time to other sizes, as long as that helps. Ties go
/// to fewer bytes and steps.
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
  void consider(const TileProblem& problem, const LoopCuts& cuts, Choice& choice) const;
  /// How many times too much the fullest memory would hold; at most 1 if it fits.
  double fullness(const TileFootprint& footprint) const;
  double exposed_cycles() const;
  std::string error_of(const TileFootprint& closest) const;

  TileMemory memory_;
  const StepCost& cost_;
  DramEstimate dram_;
};

}  // namespace tilewake
