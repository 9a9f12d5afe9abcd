// SPDX-License-Identifier: Apache-2.0
#include "simulator/explore/pareto.hpp"

#include <algorithm>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace tilewake {
namespace {

/// Points with small integers, so that equal ones and ties are frequent.
std::vector<ObjectiveValues> random_points(std::size_t count, std::size_t dimensions,
                                           std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::vector<ObjectiveValues> points(count, ObjectiveValues(dimensions));
  for (ObjectiveValues& point : points) {
    for (double& value : point) value = static_cast<double>(engine() % 8);
  }
  return points;
}

TEST(ParetoFrontTest, FrontIsEveryValueThatNoPointDominates) {
  for (const std::size_t dimensions : {1, 2, 3, 4}) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const std::vector<ObjectiveValues> points = random_points(40, dimensions, seed);
      std::set<ObjectiveValues> expected;
      for (const ObjectiveValues& point : points) {
        const bool is_dominated =
            std::any_of(points.begin(), points.end(),
                        [&](const ObjectiveValues& other) { return dominates(other, point); });
        if (!is_dominated) expected.insert(point);
      }
      const std::vector<std::size_t> front = pareto_front(points);
      std::set<ObjectiveValues> found;
      for (const std::size_t i : front) {
        EXPECT_TRUE(found.insert(points[i]).second) << "a value is twice on the front";
        for (std::size_t k = 0; k < i; ++k) EXPECT_NE(points[k], points[i]) << "not the first";
      }
      EXPECT_EQ(found, expected);
    }
  }
}

TEST(ParetoFrontTest, RankIsTheLongestChainOfDominatingPoints) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const std::vector<ObjectiveValues> points = random_points(30, 2, seed);
    const std::vector<std::size_t> ranks = non_dominated_ranks(points);
    for (std::size_t i = 0; i < points.size(); ++i) {
      std::size_t longest = 0;
      for (std::size_t k = 0; k < points.size(); ++k) {
        if (dominates(points[k], points[i])) longest = std::max(longest, ranks[k] + 1);
      }
      EXPECT_EQ(ranks[i], longest);
    }
  }
}

TEST(HypervolumeTest, EqualsTheCountOfDominatedCells) {
  for (const std::size_t dimensions : {1, 2, 3}) {
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      const std::vector<ObjectiveValues> points = random_points(6, dimensions, seed);
      const ObjectiveValues reference(dimensions, 7.0);  // points with a 7 add nothing
      // Cells of unit size, named by their lower corner.
      double cells = 0.0;
      std::size_t num_cells = 1;
      for (std::size_t i = 0; i < dimensions; ++i) num_cells *= 7;
      for (std::size_t cell = 0; cell < num_cells; ++cell) {
        std::size_t rest = cell;
        ObjectiveValues corner(dimensions);
        for (double& value : corner) {
          value = static_cast<double>(rest % 7);
          rest /= 7;
        }
        cells += std::any_of(points.begin(), points.end(), [&](const ObjectiveValues& point) {
          for (std::size_t i = 0; i < dimensions; ++i) {
            if (point[i] > corner[i]) return false;
          }
          return true;
        });
      }
      EXPECT_DOUBLE_EQ(hypervolume(points, reference), cells);
    }
  }
}

}  // namespace
}  // namespace tilewake
