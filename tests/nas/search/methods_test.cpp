// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/search/s3nas.hpp"
#include "nas/search/scale_step.hpp"
#include "nas/search/steps.hpp"
#include "nas/space/published_networks.hpp"
#include "simulator/common/error.hpp"
#include "tests/nas/search/search_world.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;

TEST(Methods, MacsPredictorCountsMultiplyAccumulatesAndNothingElse) {
  const Network network = to_network(mobilenet_v2({3, 32, 32}, 10));
  EXPECT_DOUBLE_EQ(macs_predictor(0.5)(network).total_cycles,
                   0.5 * static_cast<double>(network.num_macs()));
}

TEST(Methods, TheTwinThatCountsMacsIsScaledToTheLimitOfTheMachine) {
  TempDir directory;
  RunContext config = tiny_run(directory);
  config.method = Method::kFlops;
  FakeMachine fake;
  const SearchResult result = run_search(fake.attached(config), Step::kEvaluate);
  const StepRecord& last = result.targets[0].steps.back();
  EXPECT_LE(last.simulated_ms.value(), config.targets_ms[0]);
  EXPECT_NEAR(last.simulated_ms.value(), fake.estimate(*last.architecture), 1e-12);
  EXPECT_THAT(read_file(config.directory + "/decisions.log"),
              HasSubstr("multiply-accumulates replace latencies"));
}

TEST(Methods, TheTwinSearchesAsS3nasWhereMacsAreAllThatTakesTime) {
  const auto metrics = [](Method method, const CyclePredictor& predict) {
    TempDir directory;
    FakeMachine fake;
    RunContext run = fake.attached(tiny_run(directory));
    run.method = method;
    run.predict = predict;
    run_search(run, Step::kSearch);
    return read_file(run.directory + "/metrics.csv");
  };
  FakeMachine fake;
  const CyclePredictor midap = fake.attached({}).predict;
  const SearchSpace space = tiny_space();
  const Network largest = to_network(architecture_of(space, full_outcomes(space)));
  const CyclePredictor macs =
      macs_predictor(midap(largest).total_cycles / static_cast<double>(largest.num_macs()));
  const std::string of_twin = metrics(Method::kFlops, midap);
  EXPECT_EQ(of_twin, metrics(Method::kS3nas, macs));
  EXPECT_NE(of_twin, metrics(Method::kS3nas, midap));
}

TEST(Methods, TheTwinDoesNotTakeTheOthersSearchForItsOwn) {
  TempDir directory;
  RunContext config = tiny_run(directory);
  FakeMachine fake;
  run_search(fake.attached(config), Step::kSearch);
  config.method = Method::kFlops;
  EXPECT_THROW(run_search(fake.attached(config), Step::kSearch), InputError);
}

TEST(Methods, RandomMixconvRanksScaledNetworksOfTheSpaceAndTrainsNoSupernet) {
  TempDir directory;
  RunContext config = tiny_run(directory);
  config.method = Method::kRandomMixconv;
  config.recipe.random_networks = 4;
  config.recipe.ranking_rounds = 2;
  FakeMachine fake;
  const SearchResult result = run_search(fake.attached(config), Step::kScale);
  const StepRecord& found = result.targets[0].steps.front();
  const double limit_ms = config.recipe.options.target_share * config.targets_ms[0];
  EXPECT_LE(found.estimated_ms.value(), limit_ms);
  EXPECT_GE(found.estimated_ms.value(), 0.9 * limit_ms);
  EXPECT_EQ(found.candidates.size(), 4U);
  for (const CandidateResult& candidate : found.candidates) {
    EXPECT_LE(candidate.latency_ms.value(), config.targets_ms[0]);
    EXPECT_GE(candidate.latency_ms.value(), 0.95 * config.targets_ms[0]);
  }
  EXPECT_EQ(std::count(fake.phases.begin(), fake.phases.end(), "supergraph"), 0);
  EXPECT_LE(result.targets[0].steps.back().simulated_ms.value(), config.targets_ms[0]);
}

TEST(Methods, PublishedNetworksAreScaledToTheLimit) {
  for (const Method method : {Method::kMobilenetV2, Method::kEfficientnetLite}) {
    TempDir directory;
    RunContext config = tiny_run(directory);
    config.method = method;
    FakeMachine fake;
    const SearchResult result = run_search(fake.attached(config), Step::kScale);
    const StepRecord& scaled = result.targets[0].steps.back();
    EXPECT_EQ(scaled.step, "scale");
    EXPECT_LE(scaled.simulated_ms.value(), config.targets_ms[0]);
    EXPECT_GE(scaled.simulated_ms.value(), 0.8 * config.targets_ms[0]);
  }
}

TEST(Methods, FillingEndsWithinTheLimitWhateverTheSimulatorSays) {
  for (const double factor : {0.98, 1.0, 1.02}) {
    StepWorld world(2.0);
    world.fake.simulated_over_estimated = [&](const Network&) { return factor; };
    StepRecord found;
    found.fingerprint = "f";
    found.architecture = architecture_of(world.run.space, full_outcomes(world.run.space));
    found.estimated_ms = world.fake.estimate(*found.architecture);
    found.simulated_ms = factor * *found.estimated_ms;
    const StepRecord filled = fill_step(world.run, world.target, found);
    EXPECT_LE(filled.simulated_ms.value(), world.target.limit);
    EXPECT_GE(filled.simulated_ms.value(), 0.9 * world.target.limit);
    EXPECT_GT(filled.estimated_ms.value(), found.estimated_ms.value());
    EXPECT_EQ(fill_step(world.run, world.target, found).log, filled.log) << "from its record";
  }
}

TEST(Methods, ANetworkAtTheLimitStaysAsItIs) {
  StepWorld world(1.0);
  StepRecord found;
  found.fingerprint = "f";
  found.architecture = architecture_of(world.run.space, full_outcomes(world.run.space));
  found.estimated_ms = found.simulated_ms = world.fake.estimate(*found.architecture);
  const StepRecord filled = fill_step(world.run, world.target, found);
  EXPECT_EQ(filled.simulated_ms, found.simulated_ms);
}

}  // namespace
}  // namespace tilewake
