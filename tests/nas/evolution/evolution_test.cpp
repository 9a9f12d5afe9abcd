// SPDX-License-Identifier: Apache-2.0
#include "nas/evolution/evolution.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/report/paired.hpp"
#include "tests/nas/evolution/separable.hpp"
#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;

EvolutionOptions short_options() {
  EvolutionOptions options;
  options.population = 12;
  options.parents = 4;
  options.mutations = 5;
  options.crossovers = 4;
  options.generations = 5;
  return options;
}

std::vector<Candidate> best_of(std::vector<Candidate> candidates, std::size_t n) {
  std::sort(candidates.begin(), candidates.end(), is_better);
  candidates.resize(std::min(n, candidates.size()));
  return candidates;
}

std::vector<Candidate> before(const EvolutionResult& result, int generation) {
  std::vector<Candidate> candidates;
  for (const Candidate& c : result.candidates) {
    if (c.generation < generation) candidates.push_back(c);
  }
  return candidates;
}

int num_of(const EvolutionResult& result, int generation, Origin origin) {
  return static_cast<int>(std::count_if(
      result.candidates.begin(), result.candidates.end(),
      [&](const Candidate& c) { return c.generation == generation && c.origin == origin; }));
}

int distance(const Path& a, const Path& b) {
  int different = 0;
  for (std::size_t i = 0; i < a.size(); ++i) different += a[i] != b[i] ? 1 : 0;
  return different;
}

TEST(EvolutionTest, EveryCandidateKeepsTheLimitAndIsScoredOnce) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const double share = 0.1 * static_cast<double>(1 + seed % 9);
    const Separable world({4, 3, 4, 2, 5, 4, 1, 4}, seed);
    EvolutionProblem problem = world.problem(share);
    std::vector<Path> scored;
    problem.score = [&](const Path& path) {
      scored.push_back(path);
      return world.score(path);
    };
    const EvolutionResult result = evolve(problem, short_options(), seed);
    ASSERT_EQ(result.candidates.size(), scored.size());
    std::set<Path> different;
    for (std::size_t i = 0; i < scored.size(); ++i) {
      const Candidate& candidate = result.candidates[i];
      EXPECT_EQ(candidate.path, scored[i]);
      EXPECT_TRUE(problem.space.contains(candidate.path));
      EXPECT_LE(candidate.latency_ms, world.limit(share));
      EXPECT_EQ(candidate.latency_ms, world.ms(candidate.path));
      EXPECT_EQ(candidate.score, world.score(candidate.path));
      EXPECT_TRUE(different.insert(candidate.path).second);
      EXPECT_FALSE(is_better(candidate, *result.best));
    }
  }
}

TEST(EvolutionTest, AGenerationIsHalfMutationsHalfCrossoversAndTheFirstIsRandom) {
  const Separable world(std::vector<int>(20, 4), 1);
  const EvolutionResult result = evolve(world.problem(), {}, 1);
  EXPECT_EQ(result.end, EvolutionEnd::kComplete);
  EXPECT_EQ(result.candidates.size(), 1000U);
  EXPECT_EQ(num_of(result, 0, Origin::kRandom), 50);
  for (int generation = 1; generation < 20; ++generation) {
    EXPECT_EQ(num_of(result, generation, Origin::kMutation), 25);
    const int crossovers = num_of(result, generation, Origin::kCrossover);
    // Later the parents are similar, and most of their children are known.
    if (generation < 4) {
      EXPECT_EQ(crossovers, 25);
    }
    EXPECT_LE(crossovers, 25);
    EXPECT_EQ(crossovers + num_of(result, generation, Origin::kRandom), 25);
  }
}

TEST(EvolutionTest, RandomPathsFillWhatTheOperatorsDoNotFind) {
  const Separable world({4, 4, 4, 4}, 1);
  EvolutionOptions options = short_options();
  options.mutation_probability = 0.0;  // each is a parent again
  const EvolutionResult result = evolve(world.problem(0.8), options, 1);
  for (int generation = 1; generation < options.generations; ++generation) {
    EXPECT_EQ(num_of(result, generation, Origin::kMutation), 0);
    const int crossovers = num_of(result, generation, Origin::kCrossover);
    EXPECT_LE(crossovers, options.crossovers);
    EXPECT_EQ(crossovers + num_of(result, generation, Origin::kRandom), options.population);
  }
}

TEST(EvolutionTest, ParentsAreTheBestOfAllEarlierCandidates) {
  const Separable world(std::vector<int>(20, 4), 2);
  EvolutionOptions options;
  options.generations = 8;
  options.mutation_probability = 0.05;
  const EvolutionResult result = evolve(world.problem(), options, 2);
  double redrawn = 0.0;  // positions of a mutation that differ from the nearest parent's
  int num_mutations = 0;
  for (const Candidate& child : result.candidates) {
    const std::vector<Candidate> parents = best_of(before(result, child.generation), 10);
    if (child.origin == Origin::kCrossover) {
      bool has_parents = false;
      for (const Candidate& a : parents)
        for (const Candidate& b : parents) {
          bool is_mixed = true;
          for (std::size_t i = 0; i < 20; ++i)
            is_mixed = is_mixed && (child.path[i] == a.path[i] || child.path[i] == b.path[i]);
          has_parents = has_parents || is_mixed;
        }
      EXPECT_TRUE(has_parents);
    } else if (child.origin == Origin::kMutation) {
      int nearest = 20;
      for (const Candidate& parent : parents)
        nearest = std::min(nearest, distance(child.path, parent.path));
      EXPECT_LE(nearest, 6);
      redrawn += nearest;
      ++num_mutations;
    }
  }
  // 20 x 0.05 x 3/4 of them, given that it is one at least: 0.75 / (1 - 0.9625^20) = 1.40.
  EXPECT_NEAR(redrawn / num_mutations, 1.40, 0.2);
}

TEST(EvolutionTest, FixedPositionsNeverChange) {
  const Separable world({4, 3, 4, 4, 5, 4}, 3);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    EvolutionProblem problem = world.problem();
    problem.space.fixed = {-1, 2, -1, 0, -1, 3};
    problem.space.limit_ms = world.limit(0.9);
    EvolutionOptions options = short_options();
    options.mutation_probability = 0.9;
    const EvolutionResult result = evolve(problem, options, seed);
    EXPECT_GT(result.candidates.size(), 30U);
    for (const Candidate& candidate : result.candidates) {
      EXPECT_EQ(candidate.path[1], 2);
      EXPECT_EQ(candidate.path[3], 0);
      EXPECT_EQ(candidate.path[5], 3);
    }
  }
}

TEST(EvolutionTest, TheOptimumOfASmallSpaceIsFound) {
  int num_found = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Separable world({4, 4, 4, 4, 4, 4}, seed);  // 4096 paths
    const EvolutionResult result = evolve(world.problem(), {}, seed);
    num_found += result.best->path == world.optimum().path ? 1 : 0;
  }
  EXPECT_GE(num_found, 38);
}

TEST(EvolutionTest, IsBetterThanRandomSearchOfAsManyCandidates) {
  for (const int num_positions : {6, 20}) {
    ValueBySeed evolved;
    ValueBySeed random;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const Separable world(std::vector<int>(static_cast<std::size_t>(num_positions), 4), seed);
      const EvolutionProblem problem = world.problem();
      EvolutionOptions options;
      options.generations = 6;
      const EvolutionResult result = evolve(problem, options, seed);
      const auto num_scored = static_cast<int>(result.candidates.size());
      const std::vector<Path> drawn =
          random_feasible_paths(problem.space, num_scored, seed, 100'000);
      ASSERT_EQ(drawn.size(), result.candidates.size());
      evolved[seed] = result.best->score;
      for (const Path& path : drawn) random[seed] = std::max(random[seed], world.score(path));
    }
    const SampleStatistics gain = *paired_difference(evolved, random);
    EXPECT_GT(gain.mean, 3.0 * *gain.standard_error) << num_positions << " positions";
  }
}

TEST(EvolutionTest, OfEqualScoresTheFasterOneIsBestThenThePathThatComesFirst) {
  const Separable world({3, 3, 3}, 4);
  EvolutionProblem problem = world.problem(1.0);
  problem.score = [](const Path&) { return 0.5; };
  const EvolutionResult result = evolve(problem, {}, 4);
  ASSERT_EQ(result.candidates.size(), 27U);
  for (const Candidate& c : result.candidates) EXPECT_GE(c.latency_ms, result.best->latency_ms);

  problem.space.latency_ms = [](const Path&) { return 1.0; };
  problem.space.limit_ms = 1.0;
  EXPECT_EQ(evolve(problem, {}, 4).best->path, (Path{0, 0, 0}));
}

TEST(EvolutionTest, IsTheSameForTheSameSeedOnly) {
  const Separable world(std::vector<int>(10, 4), 5);
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const auto candidates = evolve(world.problem(), short_options(), seed).candidates;
    EXPECT_EQ(candidates, evolve(world.problem(), short_options(), seed).candidates);
    EXPECT_NE(candidates, evolve(world.problem(), short_options(), seed + 1).candidates);
  }
}

TEST(EvolutionTest, ASmallSpaceEndsWhenAllFeasiblePathsAreScored) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const Separable world({3, 2, 1, 4}, seed);
    const double share = seed % 2 == 0 ? 1.0 : 0.5;
    const EvolutionResult result = evolve(world.problem(share), {}, seed);
    EXPECT_EQ(result.end, EvolutionEnd::kComplete);
    EXPECT_EQ(result.candidates.size(), world.feasible_paths(share).size());
    EXPECT_EQ(result.best->path, world.optimum(share).path);
    EXPECT_THAT(result.log.back(), HasSubstr("no new path"));
  }
}

TEST(EvolutionTest, ASpaceOfOnePathEnds) {
  for (const int num_choices : {1, 4}) {
    const Separable world({num_choices, num_choices, num_choices}, 6);
    EvolutionProblem problem = world.problem(1.0);
    if (num_choices > 1) problem.space.fixed = {2, 0, 3};
    const EvolutionResult result = evolve(problem, {}, 6);
    EXPECT_EQ(result.end, EvolutionEnd::kComplete);
    ASSERT_EQ(result.candidates.size(), 1U);
    EXPECT_EQ(result.best->path, num_choices > 1 ? problem.space.fixed : Path({0, 0, 0}));
  }
}

TEST(EvolutionTest, WithoutAFeasiblePathTheFastestOneIsReported) {
  const Separable world({4, 4, 4}, 7);
  EvolutionProblem problem = world.problem(-0.01);
  std::vector<double> asked;
  problem.space.latency_ms = [&](const Path& path) {
    asked.push_back(world.ms(path));
    return asked.back();
  };
  const EvolutionResult result = evolve(problem, {}, 7);
  EXPECT_EQ(result.end, EvolutionEnd::kInfeasible);
  EXPECT_FALSE(result.best);
  EXPECT_TRUE(result.candidates.empty());
  ASSERT_TRUE(result.fastest_met);
  EXPECT_EQ(result.fastest_met->latency_ms, *std::min_element(asked.begin(), asked.end()));
  EXPECT_EQ(world.ms(result.fastest_met->path), result.fastest_met->latency_ms);
  EXPECT_THAT(result.log.back(), HasSubstr("fastest"));
}

TEST(EvolutionTest, PathsThatDoNotFitTheMachineAreNoCandidatesEvenWithoutALimit) {
  const Separable world({4, 4, 4}, 8);
  EvolutionProblem problem = world.problem();
  problem.space.limit_ms = std::numeric_limits<double>::infinity();
  problem.space.latency_ms = [&](const Path& path) {
    return path[0] == 1 ? std::numeric_limits<double>::infinity() : world.ms(path);
  };
  const EvolutionResult result = evolve(problem, {}, 8);
  EXPECT_EQ(result.candidates.size(), 48U);
  problem.space.latency_ms = [](const Path&) { return std::nan(""); };
  const EvolutionResult none = evolve(problem, {}, 8);
  EXPECT_EQ(none.end, EvolutionEnd::kInfeasible);
  EXPECT_FALSE(none.fastest_met);
}

// One path of 4^12 keeps the limit: random draws do not meet it.
TEST(EvolutionTest, TheFastestKnownPathStartsTheSearchIfRandomDrawsFail) {
  const Separable world(std::vector<int>(12, 4), 9);
  EvolutionProblem problem = world.problem(0.02);
  const EvolutionResult without = evolve(problem, short_options(), 9);
  EXPECT_EQ(without.end, EvolutionEnd::kInfeasible);
  Path fastest(12, 0);
  for (std::size_t i = 0; i < fastest.size(); ++i)
    for (int choice = 0; choice < 4; ++choice) {
      Path other = fastest;
      other[i] = choice;
      if (world.ms(other) < world.ms(fastest)) fastest = other;
    }
  problem.fastest = fastest;
  const EvolutionResult with = evolve(problem, short_options(), 9);
  EXPECT_EQ(with.end, EvolutionEnd::kComplete);
  EXPECT_EQ(with.candidates.front().path, fastest);
  EXPECT_EQ(with.candidates.front().origin, Origin::kFastest);
  EXPECT_GT(with.candidates.size(), 1U) << "its mutations";
  EXPECT_EQ(with.fastest_met->path, fastest);

  problem.space.limit_ms = world.limit(-0.1);
  EXPECT_EQ(evolve(problem, short_options(), 9).end, EvolutionEnd::kInfeasible);
}

TEST(EvolutionTest, DrawsAreAtMostSoManyTimesWhatIsWanted) {
  const Separable world(std::vector<int>(12, 4), 10);
  EvolutionProblem problem = world.problem(-1.0);
  int num_asked = 0;
  problem.space.latency_ms = [&](const Path& path) {
    ++num_asked;
    return world.ms(path);
  };
  EvolutionOptions options = short_options();
  options.max_tries_factor = 7;
  evolve(problem, options, 10);
  EXPECT_EQ(num_asked, 7 * options.population);
}

TEST(EvolutionTest, GenerationsAreReportedInOrderWithTheBestSoFar) {
  const Separable world(std::vector<int>(10, 4), 11);
  EvolutionProblem problem = world.problem();
  std::vector<Candidate> told;
  std::vector<std::string> lines;
  problem.on_generation = [&](const Generation& generation) {
    EXPECT_EQ(static_cast<std::size_t>(generation.number), lines.size());
    told.insert(told.end(), generation.candidates.begin(), generation.candidates.end());
    EXPECT_EQ(generation.best, best_of(told, 1).front());
    lines.push_back(generation.text);
  };
  const EvolutionResult result = evolve(problem, short_options(), 11);
  EXPECT_EQ(told, result.candidates);
  EXPECT_EQ(lines, result.log);
  EXPECT_THAT(lines.front(), HasSubstr("generation 0: 12 new (12 random), best "));
}

TEST(EvolutionTest, ANonFiniteScoreIsRefused) {
  const Separable world({4, 4}, 12);
  EvolutionProblem problem = world.problem(1.0);
  problem.score = [](const Path&) { return std::nan(""); };
  EXPECT_THAT(input_error_of([&] { evolve(problem, {}, 12); }), HasSubstr("is nan"));
}

}  // namespace
}  // namespace tilewake
