// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <tuple>
#include <vector>

#include "simulator/mapping/tiled/tiling_estimate.hpp"

namespace tilewake {

/// Chooses the tile sizes and the loop order with the least estimated time (`estimated_cycles`).
/// The candidates are all orders with sizes that halve each loop down to the hardware's granularity
/// (down to one, if none of these fits), and rectangles of pixels; then one loop at a time is
/// improved. Ties are decided by fewer bytes and steps. Of the loops that several cores can divide,
/// the one with the least time is chosen for each tiling.
///
/// Sizes are examined in the order of a lower bound of their time: the least computation and the
/// least traffic. The search ends where this bound exceeds the best time.
class Tiler {
 public:
  Tiler(const TileMemory& memory, const StepCost& cost, const DramEstimate& dram)
      : memory_(memory), cost_(cost), dram_(dram) {
    latency_cycles_ = dram.least_latency_cycles();
    step_cycles_ = exposed_cycles();
  }

  /// The best tiling. Throws InputError naming the buffer that is too small if none fits.
  Tiling best(const TileProblem& problem) const;

  /// Of a step, besides computation and data movement.
  double step_cycles() const { return step_cycles_; }
  /// In one core, if several divide the tiles.
  bool fits(const TileFootprint& footprint) const;

 private:
  using Rank = std::tuple<double, double>;  // cycles, then bytes and steps
  struct Found {
    Tiling tiling;
    Rank rank;
  };
  struct Choice;
  struct Divisions;
  struct LeastTime {
    double cycles = 0.0;
    double around = 0.0;  // cycles besides those of computation
    // At full rate; the second one without the transfers of the feature memory. Tilings are
    // examined in the order of the latter.
    double at_full_rate = 0.0;
    double by_dram = 0.0;

    /// With a computation that takes `compute` cycles.
    double with(std::int64_t compute) const {
      return std::max(cycles, std::floor(around + static_cast<double>(compute)));
    }
  };
  struct PixelSizes;
  struct Sizes;

  Divisions divisions_of(const TileProblem& problem, const TileExtent& tile) const;
  static std::vector<PixelSizes> pixel_sizes_of(const TileProblem& problem, std::int64_t unit);
  Found search(const TileProblem& problem) const;
  void search_halves(const TileExtent& unit, Choice& choice) const;
  void refine(const TileExtent& unit, Choice& choice) const;
  void refine_rectangle(Choice& choice) const;
  void try_tiling(const Tiling& sizes, Choice& choice) const;
  void add_sizes(std::int64_t groups, const PixelSizes& pixels,
                 const std::vector<std::int64_t>& output_sizes, const DepthCut& depth,
                 const Choice& choice, std::vector<Sizes>& heap) const;
  void consider(const Sizes& sizes, Choice& choice) const;
  void consider(const LoopCuts& cuts, Choice& choice) const;
  void consider(const LoopCuts& cuts, const LeastTime& least, double least_bytes,
                const Division& division, Choice& choice) const;
  LeastTime least_time(const Choice& choice, const TileFootprint& tile, double input_bytes,
                       const TileExtent& trips) const;
  /// Required / available bytes of the fullest memory; at most 1 if the tiling fits.
  double fullness(const TileFootprint& footprint) const;
  double exposed_cycles() const;
  [[noreturn]] void refuse(const TileProblem& problem) const;

  TileMemory memory_;
  const StepCost& cost_;
  DramEstimate dram_;
  double latency_cycles_ = 0.0;  // of a request
  double step_cycles_ = 0.0;     // of a step besides computation and data movement
};

}  // namespace tilewake
