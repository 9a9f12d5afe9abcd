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

TEST(SpaceDesignChoiceTest, AtMostTheGivenNumberIsKeptBesidesTheIdentity) {
  for (std::uint64_t seed = 0; seed < kNumChoiceSeeds; ++seed) {
    const RandomDesign random(seed);
    for (const PositionDesign& at : random.design.positions) {
      int num_kept = 0;
      for (const OperatorProfile& profile : at.operators) {
        EXPECT_EQ(profile.is_kept, profile.verdict.rfind("kept: ", 0) == 0) << profile.verdict;
        EXPECT_FALSE(profile.verdict.empty());
        EXPECT_TRUE(profile.is_kept || !profile.op.is_identity());
        if (profile.is_kept && !profile.op.is_identity()) ++num_kept;
      }
      EXPECT_LE(num_kept, random.options.keep);
      EXPECT_GE(num_kept, 1);
    }
  }
}

double least_ms(const PositionDesign& at, bool of_kept) {
  double least = std::numeric_limits<double>::infinity();
  for (const OperatorProfile& profile : at.operators) {
    if (profile.is_kept || !of_kept) least = std::min(least, profile.latency_ms);
  }
  return least;
}

TEST(SpaceDesignChoiceTest, ALimitThatSomeNetworkMeetsIsMetByAKeptOne) {
  int num_reachable = 0;
  for (const bool has_identity : {true, false}) {
    for (std::uint64_t seed = 0; seed < kNumChoiceSeeds; ++seed) {
      RandomDesign random(seed);
      OperatorSpace space = synthetic_space();
      for (OperatorStage& stage : space.stages) {
        if (!has_identity) stage.blocks.assign(2, stage.blocks[0]);
      }
      const SpaceDesign design = design_space(space, random.options, random.machine.estimate());
      double all_ms = design.fixed_ms;
      double kept_ms = design.fixed_ms;
      for (const PositionDesign& at : design.positions) {
        all_ms += least_ms(at, /*of_kept=*/false);
        kept_ms += least_ms(at, /*of_kept=*/true);
      }
      if (all_ms > random.options.target_ms) {
        EXPECT_EQ(kept_ms, all_ms);  // the fastest network stays
        continue;
      }
      ++num_reachable;
      EXPECT_LE(kept_ms, random.options.target_ms * (1.0 + 1e-12));
    }
  }
  EXPECT_GT(num_reachable, static_cast<int>(kNumChoiceSeeds) / 2);
}

TEST(SpaceDesignChoiceTest, AResidualIsKeptWhereShapesAllowIt) {
  for (std::uint64_t seed = 0; seed < kNumChoiceSeeds; ++seed) {
    const RandomDesign random(seed);
    if (random.options.keep < 3) continue;  // the places of the rules before it
    for (const PositionDesign& at : random.design.positions) {
      if (at.position.stride != 1 || at.position.in_channels != at.position.out_channels) continue;
      EXPECT_TRUE(std::any_of(at.operators.begin(), at.operators.end(),
                              [](const OperatorProfile& profile) {
                                return profile.is_kept && has_residual(profile.op);
                              }))
          << at.position.name;
    }
  }
}

// Depthwise and pointwise layers are dear, dense ones are not: dense operators must be found.
TEST(SpaceDesignChoiceTest, AMachineThatIsGoodAtDenseConvolutionsGetsThem) {
  const LatencyEstimate dense_machine = [](const Network& network) {
    double ms = 0.0;
    for (const Layer& layer : network.layers) {
      const bool is_dense = layer.op == Op::kConv2d && layer.kernel_height > 1;
      ms += (is_dense ? 1e-7 : 1e-5) * static_cast<double>(layer.num_macs()) + 1e-3;
    }
    return ms;
  };
  for (const double target_ms : {3.0, 10.0}) {
    const SpaceDesign design = design_space(synthetic_space(), {target_ms, 4, 1.5}, dense_machine);
    for (const PositionDesign& at : design.positions) {
      EXPECT_TRUE(
          std::any_of(at.operators.begin(), at.operators.end(), [](const OperatorProfile& profile) {
            return profile.is_kept && profile.op.op == BlockOp::kConv;
          }));
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

TEST(SpaceDesignChoiceTest, NoKeptOperatorIsDominatedByAnotherUnlessForItsResidual) {
  for (std::uint64_t seed = 0; seed < kNumChoiceSeeds; ++seed) {
    for (const PositionDesign& at : RandomDesign(seed).design.positions) {
      for (const OperatorProfile& profile : at.operators) {
        if (profile.verdict == "kept: the best score with a residual") continue;
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
      const auto num_kept = static_cast<int>(
          std::count_if(at.operators.begin(), at.operators.end(),
                        [](const OperatorProfile& p) { return p.is_kept && !p.op.is_identity(); }));
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
    for (const OperatorProfile& p : at.operators) {
      if (!p.op.is_identity()) least_ms = std::min(least_ms, p.latency_ms);
    }
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
    EXPECT_THAT(kept_at(at), ::testing::Contains("fused6_5_se"));
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
