// SPDX-License-Identifier: Apache-2.0
#include "nas/evolution/path_space.hpp"

#include <cassert>
#include <cmath>
#include <cstddef>
#include <set>

namespace tilewake {

bool PathSpace::contains(const Path& path) const {
  if (path.size() != num_choices.size()) return false;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] < 0 || path[i] >= num_choices[i]) return false;
    if (!is_free(i) && path[i] != fixed[i]) return false;
  }
  return true;
}

bool PathSpace::keeps_limit(double ms) const { return std::isfinite(ms) && ms <= limit_ms; }

namespace {

int drawn_choice(const PathSpace& space, std::size_t position, RandomStream& random) {
  assert(space.num_choices[position] > 0);
  return static_cast<int>(random.below(static_cast<std::uint64_t>(space.num_choices[position])));
}

}  // namespace

Path random_path(const PathSpace& space, RandomStream& random) {
  Path path(space.num_choices.size());
  for (std::size_t i = 0; i < path.size(); ++i)
    path[i] = space.is_free(i) ? drawn_choice(space, i, random) : space.fixed[i];
  return path;
}

Path mutated(const Path& parent, const PathSpace& space, double probability, RandomStream& random) {
  assert(space.contains(parent));
  Path child = parent;
  for (std::size_t i = 0; i < child.size(); ++i) {
    if (space.is_free(i) && random.unit() < probability) child[i] = drawn_choice(space, i, random);
  }
  return child;
}

Path crossed(const Path& a, const Path& b, RandomStream& random) {
  assert(a.size() == b.size());
  Path child = a;
  for (std::size_t i = 0; i < child.size(); ++i) {
    if (random.below(2) == 1) child[i] = b[i];
  }
  return child;
}

std::vector<Path> random_feasible_paths(const PathSpace& space, int count, std::uint64_t seed,
                                        std::int64_t max_draws) {
  std::vector<Path> paths;
  std::set<Path> met;
  for (std::int64_t draw = 0; draw < max_draws && paths.size() < static_cast<std::size_t>(count);
       ++draw) {
    RandomStream random(random_bits(seed, static_cast<std::uint64_t>(draw)));
    Path path = random_path(space, random);
    if (!met.insert(path).second || !space.keeps_limit(space.latency_ms(path))) continue;
    paths.push_back(std::move(path));
  }
  return paths;
}

}  // namespace tilewake
