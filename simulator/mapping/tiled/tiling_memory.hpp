// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>

#include "simulator/mapping/tiled/tile_walk.hpp"

namespace tilewake {

/// How a layer is cut up, and what simulating it costs.
struct TilingPlan {
  Tiling tiling;
  std::int64_t num_tiles = 0;
  double steps = 0.0;   // of a StepBudget
  double cycles = 0.0;  // estimated_cycles()
  std::string text;     // the tiling in words
};

/// The plans of the layers that a machine has seen: networks repeat layers. May be used by several
/// threads.
class TilingMemory {
 public:
  /// The plan of an equal problem, or that of `search`, which is remembered unless it throws.
  TilingPlan plan_of(const TileProblem& problem, const std::function<TilingPlan()>& search);

 private:
  struct Hash {
    std::size_t operator()(const TileProblem& problem) const { return problem.hash(); }
  };

  std::mutex mutex_;
  std::unordered_map<TileProblem, TilingPlan, Hash> plans_;
};

}  // namespace tilewake
