// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/space/random_architecture.hpp"
#include "nas/space/scaling.hpp"
#include "simulator/common/error.hpp"
#include "tests/nas/space/midap_estimate.hpp"
#include "tests/nas/space/published.hpp"
#include "tests/nas/space/spaces.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/sanitizer.hpp"

namespace tilewake {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

/// Monotone in everything: 1 ms a GMAC and a little for each layer.
double macs_ms(const Network& network) {
  return static_cast<double>(network.num_macs()) / 1e9 +
         1e-4 * static_cast<double>(network.layers.size());
}

bool is_within(const Architecture& a, const ScalingLimits& limits,
               const LatencyEstimate& estimate) {
  try {
    const Network network = to_network(a);
    return estimate(network) <= limits.latency_ms &&
           (limits.max_params == 0 || num_trained_params(a) <= limits.max_params);
  } catch (const InputError&) {
    return false;
  }
}

/// Everything that is one step away.
std::vector<Architecture> neighbours(const Architecture& a, int divisor) {
  std::vector<Architecture> result;
  for (std::size_t s = 0; s < a.stages.size(); ++s) {
    result.push_back(a);
    result.back().stages[s] = with_depth(a.stages[s], a.stages[s].blocks.size() + 1, a.se_ratio);
    result.push_back(a);
    int& width = result.back().stages[s].width;
    width = width - width % divisor + divisor;
  }
  result.push_back(a);
  result.back().input.height += 4 - a.input.height % 4;
  result.back().input.width += 4 - a.input.width % 4;
  return result;
}

Architecture small_network() {
  SearchSpace space = shipped_space("fashion");
  space.num_blocks = 0;
  for (StageSpace& stage : space.stages) stage.depth = kHasAddressSanitizer ? 1 : 3;
  return random_architecture(space, 5);
}

/// Invariants of every result, for any estimate.
void expect_lawful(const Architecture& base, const std::vector<ScalingCandidate>& candidates,
                   const ScalingLimits& limits, const LatencyEstimate& estimate) {
  ASSERT_FALSE(candidates.empty());
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const ScalingCandidate& c = candidates[i];
    SCOPED_TRACE("candidate " + std::to_string(i + 1) + ": " + c.rejected);
    if (!c.rejected.empty() && c.rejected.find("same network") == std::string::npos) continue;
    EXPECT_TRUE(is_within(c.architecture, limits, estimate));
    EXPECT_EQ(c.estimated_ms, estimate(to_network(c.architecture)));
    EXPECT_EQ(c.params, num_trained_params(c.architecture));
    EXPECT_FALSE(c.limited_by.empty());
    const Multipliers power = {std::pow(c.multipliers.depth, c.phi),
                               std::pow(c.multipliers.width, c.phi),
                               std::pow(c.multipliers.resolution, c.phi)};
    const Architecture scaled = scale(base, power, limits.width_divisor);
    EXPECT_EQ(c.scaled_ms, estimate(to_network(scaled)));
    if (c.fills.empty()) {
      EXPECT_EQ(c.architecture, scaled);
    }
    const double more = c.phi + 2e-4;
    const Multipliers beyond = {std::pow(c.multipliers.depth, more),
                                std::pow(c.multipliers.width, more),
                                std::pow(c.multipliers.resolution, more)};
    EXPECT_FALSE(is_within(scale(base, beyond, limits.width_divisor), limits, estimate));
    for (const Architecture& step : neighbours(c.architecture, limits.width_divisor))
      EXPECT_FALSE(is_within(step, limits, estimate));
  }
}

TEST(ScaleToLimitTest, CandidatesAreWithinTheLimitAndNoStepMoreIs) {
  const Architecture base = small_network();
  const double ms = macs_ms(to_network(base));
  const std::vector<double> factors = kHasAddressSanitizer
                                          ? std::vector<double>{1.37}
                                          : std::vector<double>{0.3, 1.0, 1.37, 2.0, 6.0};
  for (const double factor : factors) {
    const ScalingLimits limits = {factor * ms, 0, 8};
    expect_lawful(base, scale_to_limit(base, limits, macs_ms), limits, macs_ms);
  }
}

TEST(ScaleToLimitTest, CandidatesByTheModelOfAMachineAreWithinTheLimit) {
  const LatencyEstimate estimate = midap_estimate();
  const Architecture base = small_network();
  const double ms = estimate(to_network(base));
  for (const double factor : {0.6, 1.8}) {
    const ScalingLimits limits = {factor * ms, 0, 8};
    const std::vector<ScalingCandidate> candidates = scale_to_limit(base, limits, estimate);
    expect_lawful(base, candidates, limits, estimate);
    const auto used = [&](const ScalingCandidate& c) {
      return c.rejected.empty() && c.estimated_ms > 0.97 * limits.latency_ms;
    };
    EXPECT_GT(std::count_if(candidates.begin(), candidates.end(), used), 5);
  }
}

TEST(ScaleToLimitTest, GridDoublesTheCostInEveryProportion) {
  const Architecture base = small_network();
  const auto candidates = scale_to_limit(base, {2.0 * macs_ms(to_network(base)), 0, 8}, macs_ms);
  EXPECT_EQ(candidates.size(), 16U);
  std::set<std::vector<bool>> scaled;
  for (const ScalingCandidate& c : candidates) {
    const Multipliers& m = c.multipliers;
    scaled.insert({m.depth > 1.0, m.width > 1.0, m.resolution > 1.0});
    const double cost = m.depth * m.width * m.width * m.resolution * m.resolution;
    if (&c == &candidates.back()) {
      EXPECT_NEAR(cost, 1.91664, 1e-9);  // the published one
    } else {
      EXPECT_NEAR(cost, 2.0, 1e-12);
    }
  }
  EXPECT_EQ(scaled.size(), 7U);  // each alone, pairs, all three
}

TEST(ScaleToLimitTest, LimitThatBindsIsNamed) {
  const Architecture base = small_network();
  const ScalingLimits limits = {8.0 * macs_ms(to_network(base)), 3 * num_trained_params(base) / 2,
                                8};
  const auto candidates = scale_to_limit(base, limits, macs_ms);
  expect_lawful(base, candidates, limits, macs_ms);
  const ScalingCandidate& depth_only = candidates.front();
  EXPECT_EQ(depth_only.multipliers.width, 1.0);
  EXPECT_THAT(depth_only.limited_by,
              HasSubstr("parameters, more than " + std::to_string(limits.max_params)));
  for (const ScalingCandidate& c : candidates) {
    if (c.multipliers.depth == 1.0 && c.multipliers.width == 1.0) {
      EXPECT_THAT(c.limited_by, HasSubstr("ms, more than"));
    }
  }
}

TEST(ScaleToLimitTest, NetworksBeyondTheLimitAreScaledDown) {
  const Architecture base = published_m();
  const ScalingLimits limits = {0.5 * macs_ms(to_network(base)), 0, 16};
  const auto candidates = scale_to_limit(base, limits, macs_ms);
  expect_lawful(base, candidates, limits, macs_ms);
  for (const ScalingCandidate& c : candidates) EXPECT_LT(c.phi, 0.0);
}

TEST(ScaleToLimitTest, ImpossibleLimitsAreReasonsForRejection) {
  const Architecture base = small_network();
  const auto candidates = scale_to_limit(base, {1e-6, 0, 8}, macs_ms);
  EXPECT_EQ(candidates.size(), 16U);
  for (const ScalingCandidate& c : candidates)
    EXPECT_THAT(c.rejected, AllOf(StartsWith("beyond the limits at its smallest: "),
                                  HasSubstr("ms, more than 0.0000")));
}

TEST(ScaleToLimitTest, EqualNetworksAreNamedOnce) {
  const Architecture base = small_network();
  // No smaller or larger network is within it: every proportion ends at its start.
  const auto candidates = scale_to_limit(base, {macs_ms(to_network(base)), 0, 8}, macs_ms);
  EXPECT_THAT(candidates[0].rejected, IsEmpty());
  std::vector<std::string> reasons;
  for (std::size_t i = 1; i < candidates.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (candidates[i].rejected.empty() && candidates[j].rejected.empty()) {
        EXPECT_NE(candidates[i].architecture, candidates[j].architecture);
      }
    }
    reasons.push_back(candidates[i].rejected);
  }
  EXPECT_THAT(reasons, Contains("same network as #1"));
}

// The machine holds no map of more than 60 pixels a side and no stage wider than 128.
double picky_ms(const Network& network) {
  for (const Layer& layer : network.layers) {
    if (layer.ofm.height > 60) throw InputError("layer '" + layer.name + "' does not fit");
    if (layer.name.find("project") != std::string::npos && layer.ofm.channels > 128)
      throw InputError("layer '" + layer.name + "' is too wide");
  }
  return macs_ms(network);
}

TEST(ScaleToLimitTest, NetworksThatDoNotFitTheMachineAreBeyondTheLimit) {
  const Architecture base = small_network();
  const ScalingLimits limits = {12.0 * macs_ms(to_network(base)), 0, 8};
  const auto candidates = scale_to_limit(base, limits, picky_ms);
  expect_lawful(base, candidates, limits, picky_ms);
  std::vector<std::string> bounds;
  for (const ScalingCandidate& c : candidates) bounds.push_back(c.limited_by);
  EXPECT_THAT(bounds, Contains(HasSubstr("does not fit")));
  EXPECT_THAT(bounds, Contains(HasSubstr("is too wide")));
}

TEST(ScaleToLimitTest, SameInputsGiveTheSameCandidates) {
  const Architecture base = small_network();
  const ScalingLimits limits = {1.5 * macs_ms(to_network(base)), 0, 8};
  const auto one = scale_to_limit(base, limits, macs_ms);
  const auto two = scale_to_limit(base, limits, macs_ms);
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].architecture, two[i].architecture);
    EXPECT_EQ(one[i].phi, two[i].phi);
  }
}

TEST(FillSlackTest, EveryStepComesClosestToTheLimit) {
  const Architecture base = small_network();
  const ScalingLimits limits = {1.3 * macs_ms(to_network(base)), 0, 8};
  const ScalingCandidate filled = fill_slack(base, limits, macs_ms);
  Architecture at = base;
  for (const std::string& fill : filled.fills) {
    double best = 0.0;
    Architecture next;
    for (const Architecture& step : neighbours(at, limits.width_divisor)) {
      if (!is_within(step, limits, macs_ms) || macs_ms(to_network(step)) <= best) continue;
      best = macs_ms(to_network(step));
      next = step;
    }
    ASSERT_GT(best, 0.0) << fill;
    at = next;
  }
  EXPECT_EQ(at, filled.architecture);
  EXPECT_EQ(filled.estimated_ms, macs_ms(to_network(at)));
  EXPECT_EQ(filled.scaled_ms, macs_ms(to_network(base)));
  EXPECT_THAT(filled.rejected, IsEmpty());
  EXPECT_THAT(filled.fills, Not(IsEmpty()));
  for (const Architecture& step : neighbours(at, limits.width_divisor))
    EXPECT_FALSE(is_within(step, limits, macs_ms));
}

TEST(FillSlackTest, StepsHaveDescriptions) {
  Architecture base = published_m();
  base.stages.resize(1);
  // Room for one wider stage and no more.
  Architecture wider = base;
  wider.stages[0].width = 48;
  const double ms = macs_ms(to_network(wider));
  const std::size_t num_layers = to_network(base).layers.size();
  const LatencyEstimate estimate = [num_layers](const Network& network) {
    const bool is_other = network.input.height > 224 || network.layers.size() > num_layers;
    return macs_ms(network) + (is_other ? 10.0 : 0.0);
  };
  const ScalingCandidate filled = fill_slack(base, {ms + 1e-9, 0, 16}, estimate);
  EXPECT_THAT(filled.fills, ::testing::ElementsAre("width of stage 1 32 -> 48"));
  EXPECT_EQ(filled.architecture, wider);
}

TEST(FillSlackTest, NetworksBeyondTheLimitAreRejected) {
  const Architecture base = small_network();
  const ScalingCandidate c = fill_slack(base, {0.5 * macs_ms(to_network(base)), 0, 8}, macs_ms);
  EXPECT_THAT(c.rejected, HasSubstr("ms, more than"));
  EXPECT_EQ(c.architecture, base);
  EXPECT_THAT(c.fills, IsEmpty());
}

TEST(ScaleToLimitTest, RefusesInvalidLimits) {
  const auto error_of = [](const ScalingLimits& limits) {
    return input_error_of([&] { scale_to_limit(published_m(), limits, macs_ms); });
  };
  EXPECT_EQ(error_of({0.0, 0, 16}), "the limit must be positive, not 0");
  EXPECT_THAT(error_of({std::nan(""), 0, 16}), HasSubstr("must be positive"));
  EXPECT_THAT(error_of({1.0, -1, 16}), HasSubstr("-1"));
  EXPECT_THAT(error_of({1.0, 0, 0}), HasSubstr("divisor of widths must be from 1 to 1024"));
  Architecture broken = published_m();
  broken.stages[0].blocks.clear();
  EXPECT_THAT(input_error_of([&] {
                scale_to_limit(broken, {1.0, 0, 16}, macs_ms);
              }),
              HasSubstr("stage1: number of blocks"));
}

}  // namespace
}  // namespace tilewake
