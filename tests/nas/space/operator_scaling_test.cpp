// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/space/operator_space.hpp"
#include "nas/space/scaling.hpp"
#include "tests/nas/space/spaces.hpp"
#include "tests/support/random.hpp"
#include "tests/support/sanitizer.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;

/// Monotone in everything: 1 ms a GMAC and a little for each layer.
double macs_and_layers_ms(const Network& network) {
  return static_cast<double>(network.num_macs()) / 1e9 +
         1e-4 * static_cast<double>(network.layers.size());
}

Architecture random_network(const OperatorSpace& space, Random& random) {
  OperatorPath path;
  for (const OperatorPosition& position : positions_of(space))
    path.push_back(static_cast<int>(random.below(position.operators.size())));
  return architecture_of(space, path);
}

std::vector<std::string> problems_of(const std::vector<ScalingCandidate>& candidates) {
  std::vector<std::string> problems;
  for (const ScalingCandidate& candidate : candidates) {
    problems.push_back(candidate.rejected);
    problems.push_back(candidate.limited_by);
  }
  return problems;
}

TEST(OperatorScalingTest, EvenDivisorsKeepWidthsEvenAndNetworksValid) {
  for (const char* name : {"operators_fashion", "operators_cifar", "spos_imagenet"}) {
    const OperatorSpace space = shipped_operator_space(name);
    Random random(31);
    for (int i = 0; i < num_cases(10); ++i) {
      const Architecture a = random_network(space, random);
      for (const double factor : {0.05, 0.3, 0.77, 1.1, 1.25, 1.9}) {
        for (const int divisor : {2, 6, 8, 16}) {
          const Architecture scaled = scale(a, {factor, factor, factor}, divisor);
          for (const ArchitectureStage& stage : scaled.stages) EXPECT_EQ(stage.width % 2, 0);
          EXPECT_NO_THROW(to_network(scaled)) << architecture_text(scaled);
        }
      }
    }
  }
}

TEST(OperatorScalingTest, RepeatedAndRemovedBlocksKeepTheirOperators) {
  const OperatorSpace space = shipped_operator_space("operators_fashion");
  Random random(32);
  for (int i = 0; i < num_cases(20); ++i) {
    const Architecture a = random_network(space, random);
    for (const double factor : {0.5, 1.5, 2.0}) {
      const Architecture scaled = scale_depth(a, factor);
      for (std::size_t s = 0; s < a.stages.size(); ++s) {
        EXPECT_EQ(scaled.stages[s].blocks.front(), a.stages[s].blocks.front());
        for (const ArchitectureBlock& block : scaled.stages[s].blocks)
          EXPECT_THAT(a.stages[s].blocks, ::testing::Contains(block));
      }
    }
  }
}

TEST(OperatorScalingTest, CandidatesWithinTheLimitAreNetworks) {
  const OperatorSpace space = shipped_operator_space("operators_fashion_small");
  Random random(33);
  for (int i = 0; i < num_cases(4); ++i) {
    const Architecture a = random_network(space, random);
    const ScalingLimits limits = {2.0 * macs_and_layers_ms(to_network(a)), 0, space.width_divisor};
    const auto candidates = scale_to_limit(a, limits, macs_and_layers_ms);
    for (const ScalingCandidate& candidate : candidates) {
      if (!candidate.rejected.empty()) continue;
      EXPECT_LE(macs_and_layers_ms(to_network(candidate.architecture)), limits.latency_ms);
    }
    for (const std::string& problem : problems_of(candidates))
      EXPECT_THAT(problem, ::testing::Not(HasSubstr("even number of channels")));
  }
}

// A space file cannot have such a divisor, but ScalingLimits can.
TEST(OperatorScalingTest, OddWidthsAreReportedAsTheLimitForOddDivisors) {
  const OperatorSpace space = shipped_operator_space("operators_synthetic");
  const OperatorPath shuffle_units(positions_of(space).size(), 0);
  const Architecture a = architecture_of(space, shuffle_units);
  for (const int divisor : {1, 3}) {
    const ScalingLimits limits = {8.0 * macs_and_layers_ms(to_network(a)), 0, divisor};
    const auto candidates = scale_to_limit(a, limits, macs_and_layers_ms);
    EXPECT_THAT(problems_of(candidates), ::testing::Contains(HasSubstr("even number of channels")));
    for (const ScalingCandidate& candidate : candidates) {
      if (candidate.rejected.empty()) {
        EXPECT_LE(macs_and_layers_ms(to_network(candidate.architecture)), limits.latency_ms);
      }
    }
    const ScalingCandidate filled = fill_slack(a, limits, macs_and_layers_ms);
    EXPECT_EQ(filled.rejected, "");
    EXPECT_NO_THROW(to_network(filled.architecture));
  }
}

}  // namespace
}  // namespace tilewake
