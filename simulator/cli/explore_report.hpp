// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "simulator/api/inputs.hpp"
#include "simulator/explore/explorer.hpp"

namespace tilewake {

/// What `tilewake explore` prints and writes.
struct ExploreReport {
  const Machine& machine;
  const std::vector<Workload>& workloads;
  const ExploreOptions& options;
  const Exploration& exploration;
  const PointResult* base = nullptr;  // of the machine without changes; null if it failed
};

/// For people: the ends of the front in words, the front as a table.
std::string explore_table(const ExploreReport& report);

/// The text of explore.csv: a row per point that was evaluated, by its position in the grid.
std::string explore_csv(const ExploreReport& report);

/// The front, with all figures of each network.
std::string explore_json(const ExploreReport& report);

}  // namespace tilewake
