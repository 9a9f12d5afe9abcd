// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <vector>

#include "nas/common/random.hpp"

namespace tilewake {

/// One operator a position of a one-shot supernet, as an index into that position's choices.
using Path = std::vector<int>;

/// Which paths there are, and which of them are feasible.
struct PathSpace {
  std::vector<int> num_choices;  // of each position, at least 1
  std::vector<int> fixed;  // of each position: -1 is free, else its only choice; empty: all free
  std::function<double(const Path& path)> latency_ms;  // infinity: more than the machine can hold
  double limit_ms = std::numeric_limits<double>::infinity();

  bool is_free(std::size_t position) const { return fixed.empty() || fixed[position] < 0; }
  /// One choice a position, each one that there is.
  bool contains(const Path& path) const;
  /// Finite and at most the limit.
  bool keeps_limit(double ms) const;
};

/// Every free position drawn uniformly.
Path random_path(const PathSpace& space, RandomStream& random);

/// Every free position of `parent` is, with this probability, drawn anew from all its choices: also
/// from the one that it has, as SPOS does.
Path mutated(const Path& parent, const PathSpace& space, double probability, RandomStream& random);

/// Every position from one parent or the other, each as likely.
Path crossed(const Path& a, const Path& b, RandomStream& random);

/// Different feasible paths, uniform among them, for a random search: draws until there are
/// `count`, `max_draws` times at most, so that there may be fewer. The same for the same seed;
/// those for a smaller count are the first of those for a larger one.
std::vector<Path> random_feasible_paths(const PathSpace& space, int count, std::uint64_t seed,
                                        std::int64_t max_draws);

}  // namespace tilewake
