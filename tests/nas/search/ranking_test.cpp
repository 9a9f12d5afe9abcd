// SPDX-License-Identifier: Apache-2.0
#include "nas/search/ranking.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/report/cost_log.hpp"
#include "nas/search/scale_step.hpp"
#include "nas/search/step_record.hpp"
#include "nas/space/random_architecture.hpp"
#include "tests/nas/search/search_world.hpp"

namespace tilewake {
namespace {

using ::testing::Contains;
using ::testing::StartsWith;

class RankingTest : public ::testing::Test {
 protected:
  StepWorld world_;
  Architecture network_ = random_architecture(world_.run.space, 2);
};

TEST_F(RankingTest, ANetworkIsTrainedOnceWhateverItsName) {
  const Ranked first = rank_by_training(world_.run, world_.target, network_);
  EXPECT_EQ(world_.fake.phases.size(), 2U);
  network_.name = "another name";
  const Ranked again = rank_by_training(world_.run, world_.target, network_);
  EXPECT_EQ(world_.fake.phases.size(), 2U);
  EXPECT_EQ(again.accuracy, first.accuracy);
  network_.head_width += 2;
  rank_by_training(world_.run, world_.target, network_);
  EXPECT_EQ(world_.fake.phases.size(), 4U);
}

TEST_F(RankingTest, StandardErrorsAreThoseOfTheValidationImages) {
  const Ranked ranked = rank_by_training(world_.run, world_.target, network_);
  ASSERT_EQ(world_.run.split.validation.size(), 100U);
  EXPECT_DOUBLE_EQ(ranked.standard_error,
                   std::sqrt(ranked.accuracy * (1.0 - ranked.accuracy) / 100.0));
  EXPECT_TRUE(ranked.gate_scores.empty());
}

TEST_F(RankingTest, EveryBlockWithSqueezeAndExcitationHasAScore) {
  network_ = architecture_of(world_.run.space, full_outcomes(world_.run.space));
  network_.se_ratio = 1.0;  // of one squeezed channel ReLU may leave nothing
  network_.stages[0].blocks[1].squeeze_excite = true;
  network_.stages[1].blocks[0].squeeze_excite = true;
  const Ranked ranked = rank_by_training(world_.run, world_.target, network_);
  ASSERT_EQ(ranked.gate_scores.size(), 2U);
  for (const double score : ranked.gate_scores) {
    EXPECT_GT(score, 0.0);
    EXPECT_LT(score, 0.5) << "the largest deviation of what lies between 0 and 1";
  }
  EXPECT_EQ(rank_by_training(world_.run, world_.target, network_).gate_scores, ranked.gate_scores);
}

TEST_F(RankingTest, EveryCandidateOfScalingIsInTheLogByItsNumber) {
  StepRecord search;
  search.fingerprint = "search=1\n";
  search.architecture = network_;
  const std::size_t num_candidates = scale_and_confirm(world_.run, world_.target, network_).size();
  const StepRecord scaled = scale_step(world_.run, world_.target, search);
  for (std::size_t n = 1; n <= num_candidates; ++n)
    EXPECT_THAT(scaled.log, Contains(StartsWith("#" + std::to_string(n) + ": ")));
}

TEST_F(RankingTest, ScalingChoosesTheMostAccurateOfThoseRanked) {
  StepRecord search;
  search.fingerprint = "search=1\n";
  search.architecture = network_;
  const StepRecord scaled = scale_step(world_.run, world_.target, search);
  const auto ranked = records_in(world_.run.directory, "rank-");
  double best = 0.0;
  for (const auto& [name, record] : ranked) best = std::max(best, *record.validation_accuracy);
  EXPECT_EQ(static_cast<int>(ranked.size()), world_.run.recipe.max_ranked);
  EXPECT_EQ(scaled.validation_accuracy, best);
  EXPECT_LE(*scaled.simulated_ms, world_.target.limit);
  EXPECT_EQ(rank_by_training(world_.run, world_.target, *scaled.architecture).accuracy, best);
}

TEST_F(RankingTest, SeveralTrainingsHaveTheirMean) {
  const Ranked once = rank_by_training(world_.run, world_.target, network_);
  const Ranked three = rank_by_training(world_.run, world_.target, network_, {1.0, 3});
  ASSERT_EQ(three.trainings.size(), 3U);
  EXPECT_EQ(three.trainings[0], once.accuracy) << "the first one is not repeated";
  EXPECT_DOUBLE_EQ(three.accuracy,
                   (three.trainings[0] + three.trainings[1] + three.trainings[2]) / 3.0);
  EXPECT_EQ(world_.fake.phases.size(), 6U);
}

TEST_F(RankingTest, AShareOfTheEpochsIsATrainingOfItsOwn) {
  world_.run.recipe.ranking = tiny_phase(8);
  rank_by_training(world_.run, world_.target, network_, {0.25, 1});
  EXPECT_EQ(world_.fake.phases.size(), 2U);
  rank_by_training(world_.run, world_.target, network_);
  EXPECT_EQ(world_.fake.phases.size(), 10U);
}

/// A halving whose rankings give the accuracies of a test.
class HalvingTest : public RankingTest {
 protected:
  HalvingTest() {
    for (int i = 0; i < 6; ++i) {
      network_.head_width += 2;
      networks_.push_back(network_);
    }
  }

  std::vector<HalvingResult> result(int num_rounds,
                                    const std::function<double(const Architecture&)>& accuracy) {
    world_.run.recipe.ranking_rounds = num_rounds;
    std::vector<HalvingResult> results;
    bool is_changed = true;
    while (is_changed) {
      results = rank_by_halving(world_.run, world_.target, networks_);
      is_changed = false;
      for (auto& [name, record] : records_in(world_.run.directory, "rank-")) {
        const double is_to_be = accuracy(*record.architecture);
        if (record.validation_accuracy == is_to_be) continue;
        is_changed = true;
        record.validation_accuracy = is_to_be;
        write_step_record(step_path(world_.run.directory, name), record);
      }
    }
    return results;
  }

  static double width(const Architecture& network) { return 1e-3 * network.head_width; }

  std::vector<Architecture> networks_;
};

TEST_F(HalvingTest, EveryRoundKeepsTheBetterHalf) {
  const std::vector<HalvingResult> results = result(3, width);
  std::vector<int> rounds;
  for (const HalvingResult& one : results) rounds.push_back(one.num_rounds);
  EXPECT_EQ(rounds, (std::vector<int>{1, 1, 1, 2, 3, 3}));
  EXPECT_EQ(best_of(results), 5U);
}

TEST_F(HalvingTest, ARoundTrainsTwiceAsLongAsTheOneBefore) {
  const std::vector<HalvingResult> results = result(3, width);
  const double epochs = world_.run.recipe.ranking.epochs;
  EXPECT_DOUBLE_EQ(results[0].epochs, epochs / 4.0);
  EXPECT_DOUBLE_EQ(results[3].epochs, epochs / 2.0);
  EXPECT_DOUBLE_EQ(results[5].epochs, epochs);
}

TEST_F(HalvingTest, OneRoundTrainsAllOfThemAlike) {
  const std::vector<HalvingResult> results = result(1, width);
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i].num_rounds, 1);
    EXPECT_EQ(results[i].ranked.accuracy,
              rank_by_training(world_.run, world_.target, networks_[i]).accuracy);
  }
}

/// More rounds count more than the accuracy of a shorter training.
TEST_F(HalvingTest, TheBestIsOneOfTheLastRound) {
  std::vector<HalvingResult> results(2);
  results[0].num_rounds = 1;
  results[0].ranked.accuracy = 0.9;
  results[1].num_rounds = 2;
  results[1].ranked.accuracy = 0.8;
  EXPECT_EQ(best_of(results), 1U);
}

}  // namespace
}  // namespace tilewake
