// SPDX-License-Identifier: Apache-2.0
#include "nas/search/scale_step.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/search/steps.hpp"
#include "nas/space/random_architecture.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"
#include "tests/nas/search/search_world.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kNumSeeds = 4;

std::vector<ConfirmedCandidate> accepted(const std::vector<ConfirmedCandidate>& candidates) {
  std::vector<ConfirmedCandidate> result;
  for (const ConfirmedCandidate& candidate : candidates)
    if (!candidate.is_rejected()) result.push_back(candidate);
  return result;
}

int num_missed(const std::vector<ConfirmedCandidate>& candidates) {
  int result = 0;
  for (const ConfirmedCandidate& candidate : candidates) result += !candidate.missed.empty();
  return result;
}

/// Between 0.98 and 1.05 times the estimate, as the network's sizes have it.
double erratic_factor(const Network& network) {
  const auto hash = fnv1a64(std::to_string(network.num_macs()));
  return 0.98 + 0.07 * static_cast<double>(hash % 1000) / 1000.0;
}

TEST(ConfirmedScaling, ASimulatorThatAgreesIsAskedOnceANetwork) {
  for (std::uint64_t seed = 0; seed < kNumSeeds; ++seed) {
    StepWorld world;
    const auto candidates =
        scale_and_confirm(world.run, world.target, random_architecture(world.run.space, seed));
    EXPECT_EQ(num_missed(candidates), 0);
    ASSERT_FALSE(accepted(candidates).empty());
    EXPECT_EQ(world.fake.num_simulated, static_cast<int>(accepted(candidates).size()));
    for (const ConfirmedCandidate& candidate : accepted(candidates)) {
      EXPECT_EQ(candidate.simulated_cost, candidate.scaled.estimated_ms);
      EXPECT_LE(candidate.simulated_cost, world.target.limit);
    }
  }
}

TEST(ConfirmedScaling, ASimulatorThatSaysMoreTightensTheLimitByAsMuch) {
  for (std::uint64_t seed = 0; seed < kNumSeeds; ++seed) {
    StepWorld world;
    const Architecture network = random_architecture(world.run.space, seed);
    world.fake.simulated_over_estimated = [](const Network&) { return 1.03; };
    const auto candidates = scale_and_confirm(world.run, world.target, network);
    EXPECT_EQ(num_missed(candidates), 0);
    ASSERT_FALSE(accepted(candidates).empty());
    EXPECT_GT(world.fake.num_simulated, static_cast<int>(accepted(candidates).size()));
    for (const ConfirmedCandidate& candidate : accepted(candidates)) {
      EXPECT_DOUBLE_EQ(candidate.simulated_cost, 1.03 * candidate.scaled.estimated_ms);
      EXPECT_LE(candidate.simulated_cost, world.target.limit);
    }
  }
}

TEST(ConfirmedScaling, ASimulatorThatSaysMoreOrLessIsBelievedAsWell) {
  for (std::uint64_t seed = 0; seed < kNumSeeds; ++seed) {
    StepWorld world;
    world.fake.simulated_over_estimated = erratic_factor;
    const auto candidates =
        scale_and_confirm(world.run, world.target, random_architecture(world.run.space, seed));
    ASSERT_FALSE(accepted(candidates).empty());
    for (const ConfirmedCandidate& candidate : accepted(candidates)) {
      EXPECT_LE(candidate.simulated_cost, world.target.limit);
      EXPECT_DOUBLE_EQ(candidate.simulated_cost,
                       erratic_factor(to_network(candidate.scaled.architecture)) *
                           candidate.scaled.estimated_ms);
    }
  }
}

TEST(ConfirmedScaling, WhatTheSimulatorNeverAcceptsIsRejectedInTheEnd) {
  StepWorld world;
  const Architecture network = random_architecture(world.run.space, 1);
  const std::int64_t macs = to_network(network).num_macs();
  // However small the network, it takes too long; the searched one most.
  world.fake.simulated_over_estimated = [&](const Network& scaled) {
    return (scaled.num_macs() == macs ? 2.0 : 1.01) * world.target.limit /
           world.fake.estimate(scaled);
  };
  const auto candidates = scale_and_confirm(world.run, world.target, network);
  EXPECT_TRUE(accepted(candidates).empty());
  for (const ConfirmedCandidate& candidate : candidates) {
    EXPECT_NE(candidate.rejected(), "");
    EXPECT_EQ(candidate.simulated_cost > 0.0, candidate.scaled.rejected.empty());
  }
  StepRecord search;
  search.architecture = network;
  search.simulated_ms = 123.0;
  try {
    scale_step(world.run, world.target, search);
    ADD_FAILURE() << "a step without a network";
  } catch (const TargetMissed& missed) {
    EXPECT_EQ(missed.limit, world.target.limit);
    EXPECT_DOUBLE_EQ(missed.least, 1.01 * world.target.limit) << "a scaled one";
    EXPECT_NE(missed.fastest, network);
    EXPECT_THAT(std::string(missed.what()), HasSubstr("simulator"));
  }
  EXPECT_TRUE(world.fake.phases.empty()) << "nothing is to be trained";
}

TEST(ConfirmedScaling, WhatTheMachineCannotHoldIsRejectedWithTheReason) {
  StepWorld world;
  const Architecture network = random_architecture(world.run.space, 1);
  const auto all = accepted(scale_and_confirm(world.run, world.target, network));
  ASSERT_GT(all.size(), 1U);
  std::int64_t most = 0;
  for (const ConfirmedCandidate& candidate : all)
    most = std::max(most, to_network(candidate.scaled.architecture).num_params());
  world.fake.simulated_over_estimated = [&](const Network& scaled) {
    if (scaled.num_params() >= most) throw InputError("layer stem: does not fit");
    return 1.0;
  };
  const auto candidates = scale_and_confirm(world.run, world.target, network);
  EXPECT_LT(accepted(candidates).size(), all.size());
  EXPECT_EQ(accepted(candidates).empty(), num_missed(candidates) == static_cast<int>(all.size()));
  for (const ConfirmedCandidate& candidate : candidates) {
    if (candidate.missed.empty()) continue;
    EXPECT_THAT(candidate.rejected(), HasSubstr("layer stem: does not fit"));
    EXPECT_EQ(candidate.simulated_cost, 0.0);
  }
}

TEST(ConfirmedScaling, AStepChoosesAmongThoseThatUseTheLimitWhereThereAreAny) {
  StepWorld world;
  world.run.recipe.max_ranked = 1;
  StepRecord search;
  search.architecture = random_architecture(world.run.space, 1);
  // The networks with most multiply-accumulates are those that are simulated far below the limit.
  const auto candidates =
      accepted(scale_and_confirm(world.run, world.target, *search.architecture));
  std::vector<std::int64_t> macs;
  for (const ConfirmedCandidate& candidate : candidates)
    macs.push_back(to_network(candidate.scaled.architecture).num_macs());
  std::nth_element(macs.begin(), macs.begin() + static_cast<std::ptrdiff_t>(macs.size() / 2),
                   macs.end());
  const std::int64_t median = macs[macs.size() / 2];
  world.fake.simulated_over_estimated = [&](const Network& network) {
    return network.num_macs() > median ? 0.5 : 1.0;
  };
  bool is_possible = false;
  for (const ConfirmedCandidate& candidate :
       accepted(scale_and_confirm(world.run, world.target, *search.architecture)))
    is_possible |= candidate.simulated_cost >= 0.95 * world.target.limit;
  ASSERT_TRUE(is_possible);
  EXPECT_GE(*scale_step(world.run, world.target, search).simulated_ms, 0.95 * world.target.limit);
}

TEST(ConfirmedScaling, CandidatesNeverHaveMoreParametersThanTheSpaceAllows) {
  StepWorld world;
  const Architecture network = random_architecture(world.run.space, 1);
  world.target.limit *= 3.0;  // so that parameters are what stops it
  std::int64_t most = 0;
  for (const ConfirmedCandidate& candidate :
       accepted(scale_and_confirm(world.run, world.target, network)))
    most = std::max(most, num_trained_params(candidate.scaled.architecture));
  world.run.space.max_params = most * 2 / 3;
  ASSERT_GT(world.run.space.max_params, num_trained_params(network));
  const auto candidates = accepted(scale_and_confirm(world.run, world.target, network));
  ASSERT_FALSE(candidates.empty());
  for (const ConfirmedCandidate& candidate : candidates) {
    EXPECT_LE(num_trained_params(candidate.scaled.architecture), world.run.space.max_params);
    EXPECT_LE(candidate.simulated_cost, world.target.limit);
  }
}

TEST(ConfirmedScaling, ATargetBelowTheNetworksLatencyScalesItDown) {
  StepWorld world(0.6);
  const Architecture full = architecture_of(world.run.space, full_outcomes(world.run.space));
  const auto candidates = accepted(scale_and_confirm(world.run, world.target, full));
  ASSERT_FALSE(candidates.empty());
  for (const ConfirmedCandidate& candidate : candidates) {
    EXPECT_LT(candidate.scaled.phi, 0.0);
    EXPECT_LE(candidate.simulated_cost, world.target.limit);
  }
}

}  // namespace
}  // namespace tilewake
