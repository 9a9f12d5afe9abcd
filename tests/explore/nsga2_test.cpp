// SPDX-License-Identifier: Apache-2.0
#include "simulator/explore/nsga2.hpp"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

namespace tilewake {
namespace {

const std::vector<std::size_t> kGrid = {4, 4, 4, 4, 4, 4};

/// Two conflicting objectives with a front of 19 values: the sum of all numbers, and its distance
/// from the largest sum plus a penalty for numbers that are not sorted.
GenomeResult conflict(const Genome& genome) {
  double sum = 0.0;
  double disorder = 0.0;
  for (std::size_t i = 0; i < genome.size(); ++i) {
    sum += static_cast<double>(genome[i]);
    if (i > 0 && genome[i] < genome[i - 1]) disorder += 1.0;
  }
  return {{sum + disorder, 18.0 - sum + disorder}, 0.0};
}

struct Search {
  std::vector<Genome> genomes;
  std::vector<GenomeResult> results;
};

Search search(const Nsga2Options& options, GenomeResult (*evaluate)(const Genome&),
              std::size_t end = SIZE_MAX) {
  Search done;
  run_nsga2(kGrid, options, [&](const std::vector<Genome>& genomes) {
    std::vector<GenomeResult> results;
    for (const Genome& genome : genomes) {
      if (done.genomes.size() == end) break;
      results.push_back(evaluate(genome));
      done.genomes.push_back(genome);
      done.results.push_back(results.back());
    }
    return results;
  });
  return done;
}

std::vector<ObjectiveValues> front_of(const Search& done) {
  std::vector<ObjectiveValues> values;
  for (const GenomeResult& result : done.results) {
    if (result.is_feasible()) values.push_back(result.values);
  }
  std::vector<ObjectiveValues> front;
  for (const std::size_t i : pareto_front(values)) front.push_back(values[i]);
  return front;
}

TEST(Nsga2Test, EvaluatesExactlyTheBudgetAndNoGenomeTwice) {
  for (const std::size_t budget : {1, 7, 40, 41, 500, 4096, 5000}) {
    const Search done = search({40, budget, 3}, conflict);
    EXPECT_EQ(done.genomes.size(), std::min<std::size_t>(budget, 4096));
    const std::set<Genome> different(done.genomes.begin(), done.genomes.end());
    EXPECT_EQ(different.size(), done.genomes.size());
    for (const Genome& genome : done.genomes) {
      ASSERT_EQ(genome.size(), kGrid.size());
      for (std::size_t i = 0; i < genome.size(); ++i) EXPECT_LT(genome[i], kGrid[i]);
    }
  }
}

TEST(Nsga2Test, EqualSeedsGiveEqualSearchesAndOthersDiffer) {
  EXPECT_EQ(search({40, 300, 5}, conflict).genomes, search({40, 300, 5}, conflict).genomes);
  EXPECT_NE(search({40, 300, 5}, conflict).genomes, search({40, 300, 6}, conflict).genomes);
}

TEST(Nsga2Test, ALongerSearchBeginsWithTheShorterOne) {
  const Search longer = search({40, 400, 5}, conflict);
  const Search shorter = search({40, 200, 5}, conflict);
  EXPECT_TRUE(std::equal(shorter.genomes.begin(), shorter.genomes.end(), longer.genomes.begin()));
}

TEST(Nsga2Test, FindsTheKnownFrontWithFifteenPercentOfTheGrid) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const std::vector<ObjectiveValues> front = front_of(search({24, 614, seed}, conflict));
    // All of the 19 points of the front but one at most, and no others.
    EXPECT_GE(front.size(), 18U) << "seed " << seed;
    for (const ObjectiveValues& point : front) EXPECT_EQ(point[0] + point[1], 18.0);
  }
}

TEST(Nsga2Test, ViolationsLeadToTheFeasibleCorner) {
  // Only one genome in 4,096 keeps the limit; the violation is the distance from it.
  const auto corner = [](const Genome& genome) {
    double distance = 0.0;
    for (const std::size_t value : genome) distance += 3.0 - static_cast<double>(value);
    return GenomeResult{{1.0, 1.0}, distance};
  };
  const Search done = search({40, 614, 1}, corner);
  EXPECT_EQ(front_of(done).size(), 1U);
}

TEST(Nsga2Test, EndsWhenResultsAreMissing) {
  EXPECT_EQ(search({40, 4096, 1}, conflict, 100).genomes.size(), 100U);
}

}  // namespace
}  // namespace tilewake
