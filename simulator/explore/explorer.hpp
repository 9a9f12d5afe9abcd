// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "simulator/api/shard.hpp"
#include "simulator/api/sweep_plan.hpp"
#include "simulator/explore/nsga2.hpp"
#include "simulator/explore/objective.hpp"
#include "simulator/explore/point_runner.hpp"

namespace tilewake {

struct ExploreOptions {
  std::vector<YamlOverride> fixed;           // values of the machine in all points
  std::vector<Setting> keys;                 // at least one; values in an order that has a meaning
  std::vector<const Objective*> objectives;  // at least one
  std::vector<ObjectiveLimit> limits;
  std::uint64_t max_evaluations = 2000;  // more points: NSGA-II; otherwise all of them
  bool exhaustive = false;               // all of them, whatever their number
  std::uint64_t seed = 1;
  Shard shard;  // of an exhaustive exploration: only its points, so that no front is known

  static constexpr std::uint64_t kMaxExhaustive = 1'000'000;
};

/// A point that was evaluated.
struct ExploredPoint {
  std::uint64_t index = 0;  // in the grid: the last key changes fastest
  Genome values;            // numbers of the values of the keys
  PointResult result;
  ObjectiveValues objectives;  // of a point that is_ok()
  bool is_feasible = false;    // is_ok() and within the limits
};

struct Exploration {
  std::uint64_t grid_size = 0;
  bool is_exhaustive = false;
  bool is_complete = false;           // false if keep_going of the runner ended it
  std::vector<ExploredPoint> points;  // by index
  std::vector<std::size_t>
      front;  // of `points`: those that no other dominates, of equal ones the first

  std::size_t num_failed() const;
  std::size_t num_feasible() const;
};

/// The number of points of the grid. Throws UsageError if it is above kMaxGridSize.
std::uint64_t grid_size(const std::vector<Setting>& keys);

/// Throws UsageError for a shard of a search by NSGA-II, whose generations depend on each other.
void check_shardable(const ExploreOptions& options);

/// The Pareto front of the grid of `options.keys`. Equal arguments give equal results, whatever the
/// number of processes and whichever results are known from before. Throws UsageError for too many
/// points, and as check_shardable().
Exploration explore(PointRunner& runner, const ExploreOptions& options);

}  // namespace tilewake
