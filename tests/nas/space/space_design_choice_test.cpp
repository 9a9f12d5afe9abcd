// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/space/space_design.hpp"
#include "tests/nas/space/additive_machine.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/sanitizer.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

bool is_dominated(const OperatorProfile& profile, const OperatorProfile& by) {
  return &profile != &by && by.latency_ms <= profile.latency_ms && by.capacity >= profile.capacity;
}

constexpr std::uint64_t kNumChoiceSeeds = num_cases(40);

TEST(SpaceDesignChoiceTest, AtMostTheGivenNumberIsKeptIncludingTheFastest) {
  for (std::uint64_t seed = 0; seed < kNumChoiceSeeds; ++seed) {
    const RandomDesign random(seed);
    for (const PositionDesign& at : random.design.positions) {
      const auto fastest = std::min_element(
          at.operators.begin(), at.operators.end(),
          [](const auto& a, const auto& b) { return a.latency_ms < b.latency_ms; });
      int num_kept = 0;
      double fastest_kept = std::numeric_limits<double>::infinity();
      for (const OperatorProfile& profile : at.operators) {
        EXPECT_EQ(profile.is_kept, profile.verdict.rfind("kept: ", 0) == 0) << profile.verdict;
        EXPECT_FALSE(profile.verdict.empty());
        if (!profile.is_kept) continue;
        ++num_kept;
        fastest_kept = std::min(fastest_kept, profile.latency_ms);
      }
      EXPECT_EQ(fastest_kept, fastest->latency_ms);
      EXPECT_LE(num_kept, random.options.keep);
      EXPECT_GE(num_kept, 1);
    }
  }
}

TEST(SpaceDesignChoiceTest, TheMostCapableWithinItsShareIsKept) {
  int num_found = 0;
  for (std::uint64_t seed = 0; seed < kNumChoiceSeeds; ++seed) {
    const RandomDesign random(seed);
    if (random.options.keep < 2) continue;
    for (const PositionDesign& at : random.design.positions) {
      double most = 0.0;
      double most_kept = 0.0;
      for (const OperatorProfile& profile : at.operators) {
        if (profile.latency_ms > random.options.rho * random.design.share_ms) continue;
        most = std::max(most, profile.capacity);
        if (profile.is_kept) most_kept = std::max(most_kept, profile.capacity);
      }
      EXPECT_EQ(most_kept, most);
      if (most > 0.0) ++num_found;
    }
  }
  EXPECT_GT(num_found,
            static_cast<int>(kNumChoiceSeeds));  // else the limits that were drawn test nothing
}

TEST(SpaceDesignChoiceTest, NoKeptOperatorIsDominatedByAnother) {
  for (std::uint64_t seed = 0; seed < kNumChoiceSeeds; ++seed) {
    for (const PositionDesign& at : RandomDesign(seed).design.positions) {
      for (const OperatorProfile& profile : at.operators) {
        for (const OperatorProfile& other : at.operators) {
          if (!profile.is_kept || !other.is_kept) continue;
          EXPECT_FALSE(is_dominated(profile, other))
              << to_string(profile.op) << " by " << to_string(other.op);
        }
      }
    }
  }
}

TEST(SpaceDesignChoiceTest, RejectedOperatorsAreDominatedOrHaveLowerScores) {
  for (std::uint64_t seed = 0; seed < kNumChoiceSeeds; ++seed) {
    const RandomDesign random(seed);
    for (const PositionDesign& at : random.design.positions) {
      const auto num_kept = static_cast<int>(kept_at(at).size());
      double least_by_score = std::numeric_limits<double>::infinity();
      for (const OperatorProfile& profile : at.operators) {
        if (profile.verdict == "kept: by score")
          least_by_score = std::min(least_by_score, profile.score);
      }
      for (const OperatorProfile& profile : at.operators) {
        if (profile.is_kept) continue;
        const bool is_beaten = std::any_of(at.operators.begin(), at.operators.end(),
                                           [&](const OperatorProfile& other) {
                                             return other.is_kept && is_dominated(profile, other);
                                           });
        if (is_beaten) {
          EXPECT_THAT(profile.verdict, StartsWith("neither faster nor more capable than "));
        } else {
          EXPECT_EQ(profile.verdict, least_by_score < std::numeric_limits<double>::infinity()
                                         ? "a lower score"
                                         : "no place left");
          EXPECT_EQ(num_kept, random.options.keep);
          EXPECT_LE(profile.score, least_by_score);
        }
      }
    }
  }
}

// Kernels that cost the same on some machine: of equally fast ones the most capable stays.
TEST(SpaceDesignChoiceTest, OfEquallyFastOperatorsTheMostCapableStays) {
  const LatencyEstimate by_layers = [](const Network& network) {
    return static_cast<double>(network.layers.size());
  };
  const SpaceDesign design = design_space(synthetic_space(), {1.0, 4, 1.5}, by_layers);
  for (const PositionDesign& at : design.positions) {
    double least_ms = std::numeric_limits<double>::infinity();
    for (const OperatorProfile& p : at.operators) least_ms = std::min(least_ms, p.latency_ms);
    double most = 0.0;
    for (const OperatorProfile& p : at.operators) {
      if (p.latency_ms == least_ms) most = std::max(most, p.capacity);
    }
    for (const OperatorProfile& p : at.operators) {
      if (p.is_kept && p.latency_ms == least_ms) {
        EXPECT_EQ(p.capacity, most) << to_string(p.op);
      }
    }
  }
}

/// 1 ms a million MACs, and so much for a layer that moves channels.
LatencyEstimate moving_costs(double ms) {
  return [ms](const Network& network) {
    double sum = 0.0;
    for (const Layer& layer : network.layers)
      sum += 1e-6 * static_cast<double>(layer.num_macs()) + (layer.moves_channels() ? ms : 1e-6);
    return sum;
  };
}

bool has_unit_of_halves(const PositionDesign& at) {
  return std::any_of(at.operators.begin(), at.operators.end(), [](const OperatorProfile& profile) {
    return profile.is_kept && needs_even_width(profile.op);
  });
}

TEST(SpaceDesignChoiceTest, TheCostOfMovingChannelsDecidesWhetherUnitsOfHalvesStay) {
  const OperatorSpace space = synthetic_space();
  const SpaceDesign cheap = design_space(space, {10.0, 4, 1.5}, moving_costs(1e-6));
  const SpaceDesign dear = design_space(space, {10.0, 4, 1.5}, moving_costs(100.0));
  for (std::size_t p = 0; p < cheap.positions.size(); ++p) {
    EXPECT_TRUE(has_unit_of_halves(cheap.positions[p])) << p;
    EXPECT_FALSE(has_unit_of_halves(dear.positions[p])) << p;
    EXPECT_NE(kept_at(cheap.positions[p]), kept_at(dear.positions[p]));
  }
}

TEST(SpaceDesignChoiceTest, MoreTimeKeepsMoreCapableOperators) {
  const OperatorSpace space = synthetic_space();
  AdditiveMachine machine(5);
  double before = 0.0;
  for (const double target_ms : {0.0, 3e6, 6e6, 1e7, 1e9}) {
    const SpaceDesign design = design_space(space, {target_ms, 4, 1.5}, machine.estimate());
    double sum = 0.0;
    for (const PositionDesign& at : design.positions) {
      double most = 0.0;
      for (const OperatorProfile& profile : at.operators) {
        if (profile.is_kept) most = std::max(most, profile.capacity);
        if (target_ms == 0.0) {
          EXPECT_THAT(profile.verdict, Not(HasSubstr("within its share")));
        }
      }
      sum += most;
    }
    EXPECT_GE(sum, before);
    before = sum;
  }
  const SpaceDesign all_time = design_space(space, {1e9, 4, 1.5}, machine.estimate());
  for (const PositionDesign& at : all_time.positions)
    EXPECT_THAT(kept_at(at), ::testing::Contains("mbconv6_7_se"));
}

TEST(SpaceDesignChoiceTest, AtLeastOneOperatorIsKept) {
  AdditiveMachine machine(6);
  const auto error_of = [&](int keep) {
    return input_error_of([&] {
      design_space(synthetic_space(), {1e6, keep, 1.5}, machine.estimate());
    });
  };
  EXPECT_NE(error_of(0), "no error");
  EXPECT_NE(error_of(-1), "no error");
  EXPECT_EQ(error_of(1), "no error");
}

}  // namespace
}  // namespace tilewake
