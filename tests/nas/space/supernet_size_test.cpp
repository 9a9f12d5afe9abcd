// SPDX-License-Identifier: Apache-2.0
#include "nas/space/supernet_size.hpp"

#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "nas/space/outcome.hpp"
#include "nas/space/scaling.hpp"
#include "tests/nas/space/midap_estimate.hpp"
#include "tests/nas/space/spaces.hpp"

namespace tilewake {
namespace {

constexpr double kRatio = 1.45;

const LatencyEstimate& midap() {
  static const LatencyEstimate estimate = midap_estimate();
  return estimate;
}

double full_ms(const SearchSpace& space) {
  return midap()(to_network(architecture_of(space, full_outcomes(space))));
}

TEST(SupernetSize, TheFullSupernetTakesTheRatioTimesTheLimit) {
  for (const char* name : {"fashion_small", "fashion", "cifar"}) {
    const SearchSpace space = shipped_space(name);
    const double given_ms = full_ms(with_depths(space, design_depths(space, midap())));
    for (const double share : {0.25, 0.5, 1.0}) {
      const double limit_ms = share * given_ms;
      const SupernetSize size = size_supernet(space, midap(), limit_ms, kRatio);
      SCOPED_TRACE(std::string(name) + " " + std::to_string(share));
      EXPECT_DOUBLE_EQ(size.full_ms, full_ms(size.space));
      EXPECT_TRUE(size.space.has_depths());
      if (share < 0.5) {  // the smallest supernet may be too large
        EXPECT_GE(size.full_ms / limit_ms, kRatio * (1.0 - kSupernetRatioTolerance));
        EXPECT_TRUE(size.is_within || (size.width < 0.6 && blocks_of(size.space).size() ==
                                                               2 * size.space.stages.size()))
            << size.width;
        continue;
      }
      EXPECT_TRUE(size.is_within);
      EXPECT_NEAR(size.full_ms / limit_ms, kRatio, kSupernetRatioTolerance * kRatio);
    }
  }
}

TEST(SupernetSize, ASupernetOfTheRightSizeIsLeftAsItIs) {
  const SearchSpace space = shipped_space("fashion_small");
  const SearchSpace designed = with_depths(space, design_depths(space, midap()));
  const SupernetSize size = size_supernet(space, midap(), full_ms(designed) / kRatio, kRatio);
  EXPECT_EQ(size.width, 1.0);
  EXPECT_EQ(size.space, designed);
}

TEST(SupernetSize, WidthIsGivenUpBeforeDepth) {
  const SearchSpace space = shipped_space("fashion");
  const double given_ms = full_ms(with_depths(space, design_depths(space, midap())));
  int num_blocks = space.num_blocks;
  for (double share = 1.0; share > 0.05; share *= 0.7) {
    const SupernetSize size = size_supernet(space, midap(), share * given_ms / kRatio, kRatio);
    const auto blocks = static_cast<int>(blocks_of(size.space).size());
    EXPECT_LE(blocks, num_blocks) << share;
    if (blocks < space.num_blocks && size.is_within) {
      EXPECT_LT(size.width, 0.75) << share;
    }
    num_blocks = blocks;
  }
}

TEST(SupernetSize, WidthsAreMultiplesOfTheDivisor) {
  const SearchSpace space = shipped_space("fashion");
  const double given_ms = full_ms(with_depths(space, design_depths(space, midap())));
  for (const double share : {0.3, 0.6, 1.5}) {
    const SearchSpace sized = size_supernet(space, midap(), share * given_ms, kRatio).space;
    for (std::size_t s = 0; s < sized.stages.size(); ++s)
      EXPECT_EQ(sized.stages[s].width % space.width_divisor, 0);
    EXPECT_EQ(sized.stem_width % space.width_divisor, 0);
    EXPECT_EQ(sized.head_width % space.width_divisor, 0);
  }
}

TEST(SupernetSize, BeyondAllSizesTheNearestIsTheResult) {
  const SearchSpace space = shipped_space("fashion_small");
  const SupernetSize smallest = size_supernet(space, midap(), 1e-6, kRatio);
  EXPECT_FALSE(smallest.is_within);
  EXPECT_EQ(blocks_of(smallest.space).size(), 2 * space.stages.size());
  const SupernetSize largest = size_supernet(space, midap(), 1e6, kRatio);
  EXPECT_FALSE(largest.is_within);
  EXPECT_EQ(blocks_of(largest.space).size(), static_cast<std::size_t>(2 * space.num_blocks));
}

}  // namespace
}  // namespace tilewake
