// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "simulator/explore/pareto.hpp"

namespace tilewake {

/// A point of a grid: for each key the number of its value.
using Genome = std::vector<std::size_t>;

/// The result of a genome. Feasible ones have no violation; of two others, the one with the
/// smaller violation is better.
struct GenomeResult {
  ObjectiveValues values;
  double violation = 0.0;  // infinite if there are no values

  bool is_feasible() const { return violation == 0.0; }
};

struct Nsga2Options {
  std::size_t population = 40;
  std::size_t max_evaluations = 0;  // of different genomes
  std::uint64_t seed = 1;
};

/// Receives genomes that were not evaluated before and returns their results in the same order, or
/// fewer: then the search ends.
using EvaluateGenomes = std::function<std::vector<GenomeResult>(const std::vector<Genome>&)>;

/// NSGA-II (Deb et al., IEEE Trans. Evol. Comp. 6(2), 2002; constraints as in its section VI) on a
/// grid whose values are ordered: binary tournaments by rank and crowding, uniform crossover,
/// mutation by a step or to any value. Most of the offspring are unknown neighbours of the front,
/// one step away in one key, so that a short search ends in a front that no single step improves.
/// No genome is evaluated twice. Equal seeds give equal searches.
///   @param num_values  of each key; at least one key. The product is at most kMaxGridSize.
void run_nsga2(const std::vector<std::size_t>& num_values, const Nsga2Options& options,
               const EvaluateGenomes& evaluate);

/// Points of a grid, at most.
inline constexpr std::uint64_t kMaxGridSize = std::uint64_t{1} << 50;

}  // namespace tilewake
