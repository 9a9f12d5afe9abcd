// SPDX-License-Identifier: Apache-2.0
#include "nas/search/step_settings.hpp"

#include <stdexcept>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/nas/search/operator_world.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kSteps[] = {
    "supergraph",  "search", "hurricane",      "spos",           "random",          "guided",
    "published",   "scale",  "fill",           "postprocess",    "train",           "evaluate",
    "correlation", "rank",   "random-network", "random_mixconv", "sized-supergraph"};

class StepSettings : public ::testing::Test {
 protected:
  /// Whether a change of the run changes the fingerprint of a step.
  template <typename Change>
  bool changes(const std::string& step, Change change) const {
    RunContext changed = run_;
    Target target{0.1, "directory"};
    change(changed, target);
    return step_settings(changed, target, step) != step_settings(run_, {0.1, "directory"}, step);
  }

  TempDir directory_;
  RunContext run_ = operators_run(directory_, Method::kSpos);
};

TEST_F(StepSettings, EveryStepOfTheTableReadsSettingsThatExist) {
  for (const char* step : kSteps) EXPECT_NO_THROW(step_settings(run_, {}, step)) << step;
  EXPECT_THROW(step_settings(run_, {}, "nosuch"), std::logic_error);
}

TEST_F(StepSettings, AreThoseOfTheStepAlone) {
  const auto epochs = [](RunContext& run, Target&) { run.recipe.train.epochs += 1.0; };
  for (const char* step : kSteps) {
    const bool trains = step == std::string("train") || step == std::string("random-network");
    EXPECT_EQ(changes(step, epochs), trains) << step;
  }
  const auto norm = [](RunContext& run, Target&) { run.recipe.options.norm = NormKind::kL2; };
  const auto weight = [](RunContext& run, Target&) { run.recipe.options.latency_weight += 1.0; };
  EXPECT_TRUE(changes("supergraph", norm));
  EXPECT_FALSE(changes("supergraph", weight)) << "only the search has a latency loss";
  EXPECT_TRUE(changes("search", weight));
}

TEST_F(StepSettings, RankingsAreSharedByTargetsMachinesAndNumbersOfCandidates) {
  EXPECT_FALSE(changes("rank", [](RunContext& run, Target& target) {
    run.machine = "other";
    run.recipe.max_ranked += 1;
    target.limit *= 2.0;
  }));
  EXPECT_TRUE(changes("rank", [](RunContext& run, Target&) { run.seed += 1; }));
}

TEST_F(StepSettings, TheOperatorsOfASpaceAreAPartOfIt) {
  EXPECT_TRUE(changes(
      "spos", [](RunContext& run, Target&) { run.operators.stages[0].blocks[0].pop_back(); }));
}

TEST_F(StepSettings, AnotherStepBeforeIsAnotherFingerprint) {
  const std::string one = step_settings(run_, {}, "scale", "search.epochs=1\n");
  const std::string two = step_settings(run_, {}, "scale", "search.epochs=2\n");
  EXPECT_NE(one, two);
  EXPECT_THAT(one, HasSubstr("ranking.epochs="));
  EXPECT_THAT(one, Not(HasSubstr("search.epochs")));
}

}  // namespace
}  // namespace tilewake
