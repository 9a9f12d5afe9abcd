// SPDX-License-Identifier: Apache-2.0
#include "nas/evolution/path_space.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "tests/nas/evolution/separable.hpp"

namespace tilewake {
namespace {

double chi_square_term(double count, double expected) {
  return (count - expected) * (count - expected) / expected;
}

PathSpace space_of(std::vector<int> num_choices, std::vector<int> fixed = {}) {
  PathSpace space;
  space.num_choices = std::move(num_choices);
  space.fixed = std::move(fixed);
  space.latency_ms = [](const Path&) { return 1.0; };
  return space;
}

TEST(PathSpaceTest, ContainsPathsOfOneChoiceAPosition) {
  const PathSpace space = space_of({2, 3, 1}, {-1, 1, -1});
  EXPECT_TRUE(space.contains({1, 1, 0}));
  EXPECT_FALSE(space.contains({1, 2, 0})) << "fixed";
  EXPECT_FALSE(space.contains({2, 1, 0}));
  EXPECT_FALSE(space.contains({-1, 1, 0}));
  EXPECT_FALSE(space.contains({1, 1}));
  EXPECT_FALSE(space.contains({1, 1, 0, 0}));
}

TEST(PathSpaceTest, TheLimitItselfIsKeptAndWhatIsNotFiniteIsNot) {
  PathSpace space = space_of({1});
  EXPECT_TRUE(space.keeps_limit(1e300));
  EXPECT_FALSE(space.keeps_limit(std::numeric_limits<double>::infinity()));
  EXPECT_FALSE(space.keeps_limit(std::nan("")));
  space.limit_ms = 2.0;
  EXPECT_TRUE(space.keeps_limit(2.0));
  EXPECT_FALSE(space.keeps_limit(std::nextafter(2.0, 3.0)));
}

TEST(PathSpaceTest, RandomPathsAreUniformWhereTheyAreFree) {
  const PathSpace space = space_of({2, 3, 4, 5}, {-1, -1, 3, -1});
  constexpr int kDraws = 12'000;
  std::map<Path, int> drawn;
  for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
    RandomStream random(seed);
    const Path path = random_path(space, random);
    ASSERT_TRUE(space.contains(path));
    ++drawn[path];
  }
  ASSERT_EQ(drawn.size(), 30U);
  double chi_square = 0.0;
  for (const auto& [path, count] : drawn) chi_square += chi_square_term(count, kDraws / 30.0);
  EXPECT_LT(chi_square, 58.3);  // 29 degrees of freedom, exceeded once in 1000
}

// At p = 0.1 and four choices, a position keeps its choice with probability 0.9 + 0.1 / 4.
TEST(PathSpaceTest, MutationRedrawsEachFreePositionWithItsProbability) {
  constexpr int kDraws = 20'000;
  const Path parent = {0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3};
  const PathSpace space = space_of(std::vector<int>(20, 4));
  std::array<std::array<int, 4>, 20> counts{};
  std::array<int, 6> num_changed{};  // of a child; the last: 5 and more
  for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
    RandomStream random(random_bits(1, seed));
    const Path child = mutated(parent, space, 0.1, random);
    std::size_t changed = 0;
    for (std::size_t i = 0; i < child.size(); ++i) {
      ++counts[i][static_cast<std::size_t>(child[i])];
      changed += child[i] != parent[i] ? 1 : 0;
    }
    ++num_changed[std::min<std::size_t>(changed, 5)];
  }
  double chi_square = 0.0;
  for (std::size_t i = 0; i < counts.size(); ++i)
    for (std::size_t choice = 0; choice < 4; ++choice) {
      const bool is_parents = static_cast<int>(choice) == parent[i];
      chi_square += chi_square_term(counts[i][choice], kDraws * (is_parents ? 0.925 : 0.025));
    }
  EXPECT_LT(chi_square, 99.6);  // 60 degrees of freedom, exceeded once in 1000

  // Positions are redrawn independently: the number of changes is binomial.
  chi_square = 0.0;
  double probability = std::pow(0.925, 20);
  double rest = 1.0;
  for (std::size_t k = 0; k < 5; ++k) {
    chi_square += chi_square_term(num_changed[k], kDraws * probability);
    rest -= probability;
    probability *= (20.0 - static_cast<double>(k)) / (static_cast<double>(k) + 1.0) * 0.075 / 0.925;
  }
  chi_square += chi_square_term(num_changed[5], kDraws * rest);
  EXPECT_LT(chi_square, 20.5);  // 5 degrees of freedom, exceeded once in 1000
}

TEST(PathSpaceTest, MutationLeavesFixedPositionsAndWithProbabilityZeroAll) {
  const PathSpace space = space_of({4, 4, 4}, {-1, 2, -1});
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    RandomStream random(seed);
    EXPECT_EQ(mutated({1, 2, 3}, space, 1.0, random)[1], 2);
    EXPECT_EQ(mutated({1, 2, 3}, space, 0.0, random), (Path{1, 2, 3}));
  }
}

TEST(PathSpaceTest, CrossoverTakesEachPositionFromEitherParentEquallyOften) {
  constexpr int kDraws = 16'000;
  const Path a = {0, 1, 2, 3};
  const Path b = {4, 5, 6, 7};
  std::map<Path, int> drawn;
  for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
    RandomStream random(random_bits(2, seed));
    const Path child = crossed(a, b, random);
    for (std::size_t i = 0; i < child.size(); ++i)
      ASSERT_TRUE(child[i] == a[i] || child[i] == b[i]);
    ++drawn[child];
  }
  ASSERT_EQ(drawn.size(), 16U);
  double chi_square = 0.0;
  for (const auto& [path, count] : drawn) chi_square += chi_square_term(count, kDraws / 16.0);
  EXPECT_LT(chi_square, 37.7);  // 15 degrees of freedom, exceeded once in 1000
}

TEST(RandomFeasiblePathsTest, AreDifferentAndFeasible) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const Separable world({4, 3, 4, 5, 2}, seed);
    const PathSpace space = world.problem(0.3).space;
    const std::vector<Path> paths = random_feasible_paths(space, 15, seed, 100'000);
    EXPECT_EQ(paths.size(), std::min<std::size_t>(15, world.feasible_paths(0.3).size()));
    for (const Path& path : paths) {
      EXPECT_TRUE(space.contains(path));
      EXPECT_LE(world.ms(path), world.limit(0.3));
    }
    EXPECT_EQ(std::set<Path>(paths.begin(), paths.end()).size(), paths.size());
  }
}

TEST(RandomFeasiblePathsTest, FewerAreTheFirstOfMore) {
  const Separable world(std::vector<int>(8, 4), 1);
  const PathSpace space = world.problem().space;
  const std::vector<Path> paths = random_feasible_paths(space, 40, 3, 100'000);
  for (std::size_t count = 0; count <= paths.size(); ++count) {
    const auto fewer = random_feasible_paths(space, static_cast<int>(count), 3, 100'000);
    EXPECT_EQ(fewer,
              std::vector<Path>(paths.begin(), paths.begin() + static_cast<std::ptrdiff_t>(count)));
  }
  EXPECT_NE(paths, random_feasible_paths(space, 40, 4, 100'000));
}

TEST(RandomFeasiblePathsTest, EveryFeasiblePathIsAsLikely) {
  const Separable world({3, 3, 3}, 2);
  const std::size_t num_feasible = world.feasible_paths().size();
  constexpr int kDraws = 6000;
  std::map<Path, int> drawn;
  for (std::uint64_t seed = 0; seed < kDraws; ++seed)
    ++drawn[random_feasible_paths(world.problem().space, 1, seed, 1000).front()];
  ASSERT_EQ(drawn.size(), num_feasible);
  double chi_square = 0.0;
  for (const auto& [path, count] : drawn)
    chi_square += chi_square_term(count, kDraws / static_cast<double>(num_feasible));
  EXPECT_LT(chi_square, 54.1);  // 26 degrees of freedom at most, exceeded once in 1000
}

TEST(RandomFeasiblePathsTest, StopsAfterTheMaximumNumberOfDraws) {
  const Separable world(std::vector<int>(8, 4), 3);
  PathSpace space = world.problem().space;
  int num_asked = 0;
  space.latency_ms = [&](const Path&) {
    ++num_asked;
    return 1e9;
  };
  EXPECT_TRUE(random_feasible_paths(space, 5, 1, 37).empty());
  EXPECT_LE(num_asked, 37);
  EXPECT_GE(num_asked, 36);
  EXPECT_TRUE(random_feasible_paths(space, 5, 1, 0).empty());
}

}  // namespace
}  // namespace tilewake
