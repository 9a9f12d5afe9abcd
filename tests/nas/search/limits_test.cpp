// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/search/search_run.hpp"
#include "nas/search/step_settings.hpp"
#include "tests/nas/search/search_world.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;

constexpr double kMjPerMs = 0.25;

/// A run on a machine whose energy is proportional to time.
struct ProportionalWorld {
  explicit ProportionalWorld(Method method) : config(tiny_run(directory)) {
    config.method = method;
    fake.mj_per_ms = kMjPerMs;
  }
  StepRecord scaled() {
    return run_search(fake.attached(config), Step::kScale).targets.at(0).steps.back();
  }

  TempDir directory;
  RunContext config;
  FakeMachine fake;
};

constexpr Method kMethodsOfLimits[] = {Method::kS3nas, Method::kRandomMixconv,
                                       Method::kMobilenetV2};

RunContext cheap(RunContext config) {
  config.recipe.random_networks = 3;
  return config;
}

TEST(Limits, WhereEnergyIsProportionalToTimeBothLimitsFindTheSameNetwork) {
  for (const Method method : kMethodsOfLimits) {
    ProportionalWorld by_time(method);
    by_time.config = cheap(by_time.config);
    const StepRecord expected = by_time.scaled();
    ProportionalWorld by_energy(method);
    by_energy.config = cheap(by_energy.config);
    by_energy.config.targets_mj = {kMjPerMs * by_energy.config.targets_ms[0]};
    by_energy.config.targets_ms.clear();
    const StepRecord found = by_energy.scaled();
    EXPECT_EQ(*found.architecture, *expected.architecture) << to_string(method);
    EXPECT_NEAR(*found.simulated_mj, kMjPerMs * *expected.simulated_ms, 1e-12);
    EXPECT_NEAR(*found.estimated_mj, kMjPerMs * *expected.estimated_ms, 1e-9);
  }
}

TEST(Limits, OfTwoLimitsTheTighterOneDecides) {
  for (const Method method : kMethodsOfLimits) {
    for (const bool is_energy_tighter : {false, true}) {
      ProportionalWorld alone(method);
      alone.config = cheap(alone.config);
      const double limit_ms = alone.config.targets_ms[0];
      const StepRecord expected = alone.scaled();
      ProportionalWorld both(method);
      both.config = cheap(both.config);
      both.config.targets_ms = {(is_energy_tighter ? 1.5 : 1.0) * limit_ms};
      both.config.targets_mj = {(is_energy_tighter ? 1.0 : 1.5) * kMjPerMs * limit_ms};
      const StepRecord found = both.scaled();
      EXPECT_EQ(*found.architecture, *expected.architecture) << to_string(method);
    }
  }
}

TEST(Limits, ATighterEnergyLimitNeverHasAWinnerWithMoreEnergyAndAllSeedsKeepToIt) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    double before = 0.0;
    for (const double share : {0.7, 0.8, 1.0, 1.3}) {
      ProportionalWorld world(Method::kS3nas);
      world.config.seed = seed;
      world.config.targets_mj = {share * kMjPerMs * world.config.targets_ms[0]};
      world.config.targets_ms.clear();
      const double mj = world.scaled().simulated_mj.value();
      EXPECT_LE(mj, world.config.targets_mj[0]) << seed;
      EXPECT_GE(mj, before) << seed << " " << share;
      before = mj;
    }
  }
}

TEST(Limits, ParametersAreALimitOfSearchAndScaling) {
  for (const Method method : kMethodsOfLimits) {
    ProportionalWorld free(method);
    free.config = cheap(free.config);
    const std::int64_t params = num_trained_params(*free.scaled().architecture);
    ProportionalWorld limited(method);
    limited.config = cheap(limited.config);
    limited.config.max_params = params - 1;
    const StepRecord found = limited.scaled();
    EXPECT_LT(num_trained_params(*found.architecture), params) << to_string(method);
    EXPECT_LE(found.simulated_ms.value(), limited.config.targets_ms[0]);
  }
}

TEST(Limits, NoNetworkBeyondTheMemoryIsScaledTo) {
  const auto bytes = [](const Network& network) { return num_trained_params(network); };
  ProportionalWorld free(Method::kS3nas);
  const std::int64_t params = num_trained_params(*free.scaled().architecture);
  ProportionalWorld limited(Method::kS3nas);
  limited.fake.peak_chip_bytes = bytes;
  limited.config.max_chip_bytes = params - 1;
  const StepRecord found = limited.scaled();
  EXPECT_LT(num_trained_params(*found.architecture), params);
  bool is_named = false;
  for (const std::string& line : found.log)
    is_named |= line.find("on-chip memory") != std::string::npos;
  EXPECT_TRUE(is_named) << "decisions.log names the limit";
}

TEST(Limits, LimitsThatNoNetworkKeepsToAreMissedWithAllOfThemInWords) {
  ProportionalWorld world(Method::kS3nas);
  world.config.max_params = 10;
  try {
    world.scaled();
    FAIL();
  } catch (const TargetMissed& missed) {
    EXPECT_THAT(missed.limit_in_words, HasSubstr("10 parameters"));
    EXPECT_THAT(missed.limit_in_words, HasSubstr("ms"));
    EXPECT_GT(missed.least, missed.limit);
  }
  EXPECT_TRUE(world.fake.phases.empty()) << "before anything is trained";
}

TEST(Limits, AreSettingsOfEveryStepThatReadsThem) {
  const TempDir directory;
  const RunContext run = tiny_run(directory);
  const std::string before = step_settings(run, {0.1, ""}, "search");
  RunContext changed = run;
  changed.max_chip_bytes = 1024;
  EXPECT_NE(step_settings(changed, {0.1, ""}, "search"), before);
  changed = run;
  changed.max_params = 1024;
  EXPECT_NE(step_settings(changed, {0.1, ""}, "search"), before);
  changed = run;
  changed.targets_mj = {0.1};
  EXPECT_NE(step_settings(changed, {0.1, ""}, "search"), before);
  EXPECT_EQ(step_settings(changed, {0.1, ""}, "rank"), step_settings(run, {0.1, ""}, "rank"));
}

}  // namespace
}  // namespace tilewake
