// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <vector>

#include "nas/common/random.hpp"

namespace tilewake {

/// The operator of each position of a one-shot supernet, as an index into the position's choices.
using Path = std::vector<int>;

/// The paths of a supernet, and a predicate for the feasible ones.
struct PathSpace {
  std::vector<int> num_choices;  // per position, at least 1
  std::vector<int> fixed;  // per position: -1 is free, otherwise its only choice; empty: all free
  std::function<double(const Path& path)> latency_ms;  // infinity: does not fit the machine
  double limit_ms = std::numeric_limits<double>::infinity();

  bool is_free(std::size_t position) const { return fixed.empty() || fixed[position] < 0; }
  /// Whether `path` has one valid choice per position.
  bool contains(const Path& path) const;
  /// Whether it is finite and at most the limit.
  bool keeps_limit(double ms) const;
};

/// Draws every free position uniformly.
Path random_path(const PathSpace& space, RandomStream& random);

/// Redraws every free position of `parent` with this probability from all its choices, including
/// the current one, as in SPOS.
Path mutated(const Path& parent, const PathSpace& space, double probability, RandomStream& random);

/// Takes every position from one parent or the other with equal probability.
Path crossed(const Path& a, const Path& b, RandomStream& random);

/// Distinct feasible paths, uniformly distributed, for a random search. Draws until there are
/// `count`, at most `max_draws` times, so there may be fewer. Deterministic for a seed; a smaller
/// count returns a prefix of a larger one.
std::vector<Path> random_feasible_paths(const PathSpace& space, int count, std::uint64_t seed,
                                        std::int64_t max_draws);

}  // namespace tilewake
