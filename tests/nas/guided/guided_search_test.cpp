// SPDX-License-Identifier: Apache-2.0
#include "nas/guided/guided_search.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "nas/common/random.hpp"
#include "nas/guided/diverse_design.hpp"
#include "tests/nas/evolution/separable.hpp"
#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

constexpr std::uint64_t kSeed = 5;

std::vector<double> one_hot(const Path& path, const std::vector<int>& num_choices) {
  std::vector<double> features;
  for (std::size_t i = 0; i < path.size(); ++i) {
    for (int choice = 0; choice < num_choices[i]; ++choice)
      features.push_back(path[i] == choice ? 1.0 : 0.0);
  }
  return features;
}

/// An additive truth with additive latencies.
class GuidedSearchTest : public ::testing::Test {
 protected:
  GuidedSearchTest() : GuidedSearchTest(std::vector<int>(6, 4)) {}
  explicit GuidedSearchTest(const std::vector<int>& num_choices) : world_(num_choices, 3) {
    problem_.space = world_.problem().space;
    problem_.features = [num_choices](const Path& path) { return one_hot(path, num_choices); };
    problem_.train = [this](const Path& path, auto) -> std::optional<double> {
      trained_.push_back(path);
      return world_.score(path);
    };
  }

  GuidedResult run(std::uint64_t seed = kSeed) {
    trained_.clear();
    return guided_search(problem_, options_, seed);
  }

  Separable world_;
  GuidedProblem problem_;
  GuidedOptions options_;
  std::vector<Path> trained_;
};

TEST_F(GuidedSearchTest, APlantedAdditiveTruthIsFoundWithFewTrainings) {
  options_.trainings = 40;  // of 4,096 networks
  options_.initial = 24;
  const double optimum = world_.optimum().score;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const GuidedResult result = run(seed);
    EXPECT_EQ(result.trained[result.best].accuracy, optimum) << seed;
  }
}

TEST_F(GuidedSearchTest, EveryTrainingIsNewWithinTheLimitAndCounted) {
  for (const int trainings : {1, 2, 15, 16, 17, 33}) {
    options_.trainings = trainings;
    const GuidedResult result = run();
    EXPECT_EQ(result.trained.size(), static_cast<std::size_t>(trainings));
    EXPECT_EQ(trained_.size(), result.trained.size());
    std::set<Path> distinct;
    for (std::size_t i = 0; i < result.trained.size(); ++i) {
      EXPECT_EQ(result.trained[i].path, trained_[i]);
      EXPECT_EQ(result.trained[i].latency_ms, world_.ms(trained_[i]));
      EXPECT_LE(world_.ms(trained_[i]), world_.limit());
      EXPECT_LE(result.trained[i].accuracy, result.trained[result.best].accuracy);
      distinct.insert(trained_[i]);
    }
    EXPECT_EQ(distinct.size(), trained_.size());
  }
}

TEST_F(GuidedSearchTest, AShorterSearchIsTheBeginningOfALongerOne) {
  options_.trainings = 40;
  const GuidedResult longer = run();
  options_.trainings = 24;  // whole batches
  const GuidedResult shorter = run();
  for (std::size_t i = 0; i < shorter.trained.size(); ++i)
    EXPECT_EQ(shorter.trained[i], longer.trained[i]) << i;
}

TEST_F(GuidedSearchTest, TheSeedDecidesEverything) {
  const GuidedResult a = run(1);
  const GuidedResult b = run(1);
  EXPECT_EQ(a.trained, b.trained);
  EXPECT_EQ(a.log, b.log);
  EXPECT_NE(run(2).trained, a.trained);
}

TEST_F(GuidedSearchTest, TheInitialNetworksAreNearTheLimit) {
  options_.trainings = options_.initial;
  for (const TrainedPath& trained : run().trained) {
    EXPECT_GE(trained.latency_ms, options_.near_limit * world_.limit());
    EXPECT_EQ(trained.round, 0);
    EXPECT_FALSE(trained.predicted);
  }
}

TEST_F(GuidedSearchTest, ASpaceWithFewerNetworksIsTrainedCompletely) {
  const std::size_t num_feasible = world_.feasible_paths(0.1).size();
  ASSERT_GT(num_feasible, 2U);
  ASSERT_LT(num_feasible, 60U);
  problem_.space.limit_ms = world_.limit(0.1);
  options_.trainings = 100;
  EXPECT_EQ(run().trained.size(), num_feasible);
}

TEST_F(GuidedSearchTest, NothingWithinTheLimitGivesNothing) {
  problem_.space.limit_ms = 0.001;
  EXPECT_TRUE(run().trained.empty());
  problem_.space.limit_ms = 1e9;
  problem_.space.latency_ms = [](const Path&) { return std::numeric_limits<double>::infinity(); };
  EXPECT_TRUE(run().trained.empty());
}

TEST_F(GuidedSearchTest, ARejectedNetworkCostsNoTraining) {
  int num_rejected = 0;
  problem_.train = [&](const Path& path, auto) -> std::optional<double> {
    trained_.push_back(path);
    if (path.front() != 1) return world_.score(path);
    ++num_rejected;
    return std::nullopt;
  };
  const GuidedResult result = run();
  EXPECT_GT(num_rejected, 0);
  EXPECT_EQ(result.trained.size(), static_cast<std::size_t>(options_.trainings));
  for (const TrainedPath& trained : result.trained) EXPECT_NE(trained.path.front(), 1);
}

TEST_F(GuidedSearchTest, PathsOfOneNetworkAreTrainedOnce) {
  problem_.network_path = [](const Path& path) {
    Path sorted = path;
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  };
  options_.trainings = 64;
  std::set<Path> distinct;
  for (const TrainedPath& trained : run().trained) {
    EXPECT_TRUE(std::is_sorted(trained.path.begin(), trained.path.end()));
    EXPECT_TRUE(distinct.insert(trained.path).second);
  }
}

TEST_F(GuidedSearchTest, ADivergedTrainingIsAnError) {
  problem_.train = [](const Path&, auto) { return std::numeric_limits<double>::quiet_NaN(); };
  EXPECT_NE(input_error_of([&] { run(); }), "no error");
}

/// Best true score after guided search, and after as many random networks near the limit, with
/// accuracies of `score`.
double mean_gain(const Separable& world, GuidedProblem problem, const GuidedOptions& options,
                 const std::function<double(const Path&, std::uint64_t seed)>& score) {
  double gain = 0.0;
  constexpr std::uint64_t kNumSeeds = 40;
  for (std::uint64_t seed = 1; seed <= kNumSeeds; ++seed) {
    problem.train = [&](const Path& path, auto) { return score(path, seed); };
    const GuidedResult guided = guided_search(problem, options, seed);
    PathSpace near = problem.space;
    near.latency_ms = [&](const Path& path) {
      const double ms = world.ms(path);
      return ms < options.near_limit * world.limit() ? std::numeric_limits<double>::infinity() : ms;
    };
    double best = -1.0;
    for (const Path& path : random_feasible_paths(near, options.trainings, seed, 100'000))
      best = std::max(best, score(path, seed));
    gain += (guided.trained[guided.best].accuracy - best) / static_cast<double>(kNumSeeds);
  }
  return gain;
}

TEST_F(GuidedSearchTest, ShuffledAccuraciesGiveNoGain) {
  const double true_gain = mean_gain(world_, problem_, options_,
                                     [&](const Path& path, auto) { return world_.score(path); });
  // Accuracies that have nothing to do with the network, on the same scale.
  const double shuffled_gain =
      mean_gain(world_, problem_, options_, [&](const Path& path, std::uint64_t seed) {
        std::uint64_t bits = seed;
        for (const int choice : path) bits = random_bits(bits, static_cast<std::uint64_t>(choice));
        return 8.0 * to_unit(bits);
      });
  EXPECT_GT(true_gain, 0.3);
  EXPECT_LT(std::abs(shuffled_gain), 0.15);
}

/// More paths than can all be evaluated.
class LargeGuidedSearchTest : public GuidedSearchTest {
 protected:
  LargeGuidedSearchTest() : GuidedSearchTest(std::vector<int>(20, 4)) {}
};

TEST_F(LargeGuidedSearchTest, ItFindsBetterNetworksThanItsDesignAndKeepsTheLimit) {
  options_.trainings = 64;
  options_.initial = 32;
  options_.batch = 16;
  const GuidedResult result = run();
  ASSERT_EQ(result.trained.size(), 64U);
  double best_initial = 0.0;
  for (const TrainedPath& trained : result.trained) {
    EXPECT_LE(trained.latency_ms, world_.limit());
    if (trained.round == 0) best_initial = std::max(best_initial, trained.accuracy);
  }
  EXPECT_GT(result.trained[result.best].accuracy, best_initial + 1.0);
  EXPECT_EQ(run().trained, result.trained);
}

TEST(DiverseOrderTest, OrthogonalDirectionsComeBeforeRepeatedOnes) {
  FeatureRows rows;
  rows.num_columns = 3;
  for (const std::vector<double>& row : {std::vector<double>{1.0, 0.0, 0.0},
                                         {1.0, 0.0, 0.0},
                                         {0.0, 1.0, 0.0},
                                         {0.0, 1.0, 0.0},
                                         {0.0, 0.0, 1.0},
                                         {0.0, 0.0, 0.5}})
    rows.add(row);
  EXPECT_EQ(diverse_order(rows, 4), (std::vector<std::size_t>{0, 2, 4, 1}));
}

TEST(DiverseOrderTest, EveryRowComesOnceAndAShorterOrderIsABeginning) {
  FeatureRows rows;
  rows.num_columns = 2;
  Random random(1);
  for (int i = 0; i < 30; ++i)
    rows.add(std::vector<double>{static_cast<double>(random.between(-9, 9)),
                                 static_cast<double>(random.between(-9, 9))});
  const std::vector<std::size_t> all = diverse_order(rows, 100);
  EXPECT_EQ(std::set<std::size_t>(all.begin(), all.end()).size(), 30U);
  const std::vector<std::size_t> some = diverse_order(rows, 7);
  EXPECT_TRUE(std::equal(some.begin(), some.end(), all.begin()));
  EXPECT_EQ(some.size(), 7U);
}

}  // namespace
}  // namespace tilewake
