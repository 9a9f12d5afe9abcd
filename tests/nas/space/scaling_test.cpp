// SPDX-License-Identifier: Apache-2.0
#include "nas/space/scaling.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include <gtest/gtest.h>

#include "nas/space/random_architecture.hpp"
#include "tests/nas/space/published.hpp"
#include "tests/nas/space/spaces.hpp"
#include "tests/support/random.hpp"

namespace tilewake {
namespace {

Multipliers power(const Multipliers& m, double phi) {
  return {std::pow(m.depth, phi), std::pow(m.width, phi), std::pow(m.resolution, phi)};
}

constexpr Multipliers kPublishedScaling = {1.1, 1.1, 1.2};

// Source: specs of S3NAS: L+ and XL+ are M+, scaled by phi = 1 and 2.13.
TEST(ScalingTest, NetworkMScalesToThePublishedLAndXl) {
  EXPECT_EQ(scale(published_m_plus(), kPublishedScaling, 16), published_l_plus());
  EXPECT_EQ(scale(published_m_plus(), power(kPublishedScaling, 2.13), 16), published_xl_plus());
}

TEST(ScalingTest, FactorsOfOneChangeNothing) {
  Architecture a = published_m();
  a.stem_width = 33;
  a.stages[1].width = 7;
  a.input = {3, 30, 51};
  EXPECT_EQ(scale(a, {}, 16), a);
}

// The formula as the specification writes it, in the open.
int width_by_formula(int width, double factor, int divisor) {
  const double d = divisor;
  double rounded = std::max(d, std::floor((factor * width + d / 2) / d) * d);
  if (rounded < 0.9 * factor * width) rounded += d;
  return static_cast<int>(rounded);
}

TEST(ScalingTest, WidthsFollowTheFormula) {
  for (const int divisor : {1, 8, 16}) {
    for (int width = 1; width < 400; width += 3) {
      for (const double factor : {0.1, 0.5, 0.77, 1.1, 1.25, 1.331, 2.0, 3.3}) {
        const int scaled = scaled_width(width, factor, divisor);
        EXPECT_EQ(scaled % divisor, 0);
        EXPECT_GE(scaled, divisor);
        EXPECT_GE(scaled, 0.9 * factor * width);
        EXPECT_LE(scaled, std::max<double>(divisor, factor * width + divisor));
        EXPECT_EQ(scaled, width_by_formula(width, factor, divisor)) << width << " x " << factor;
      }
    }
  }
}

TEST(ScalingTest, ResolutionIsTheNearestMultipleOfFour) {
  Architecture a = published_m();
  for (std::int64_t side = 4; side < 300; side += 5) {
    a.input = {3, side, 2 * side};
    for (const double factor : {0.01, 0.3, 0.9, 1.07, 1.2, 2.5}) {
      const Shape input = scale_resolution(a, factor).input;
      EXPECT_EQ(input.channels, 3);
      EXPECT_EQ(input.height % 4, 0);
      EXPECT_EQ(input.width % 4, 0);
      EXPECT_GE(input.height, 4);
      const double exact = factor * static_cast<double>(side);
      if (exact >= 2.0) {
        EXPECT_LE(std::abs(static_cast<double>(input.height) - exact), 2.0 + 1e-6);
      }
    }
  }
}

TEST(ScalingTest, ScalingTouchesNothingElse) {
  const Architecture a = published_m_plus();
  Architecture deeper = scale_depth(a, 1.3);
  deeper.stages = a.stages;
  EXPECT_EQ(deeper, a);
  Architecture wider = scale_width(a, 1.3, 16);
  EXPECT_EQ(wider.num_blocks(), a.num_blocks());
  EXPECT_EQ(wider.input, a.input);
  Architecture larger = scale_resolution(a, 1.3);
  larger.input = a.input;
  EXPECT_EQ(larger, a);
}

std::size_t half_up(std::size_t n, double factor) {
  return std::max<std::size_t>(
      1, static_cast<std::size_t>(std::floor(static_cast<double>(n) * factor + 0.5)));
}

/// Whether `part` is what remains of `whole` when blocks are left out.
bool is_subsequence(const std::vector<ArchitectureBlock>& part,
                    const std::vector<ArchitectureBlock>& whole) {
  auto at = whole.begin();
  for (const ArchitectureBlock& block : part) {
    at = std::find(at, whole.end(), block);
    if (at == whole.end()) return false;
    ++at;
  }
  return true;
}

TEST(ScalingTest, DepthsAreRoundedAndOrderIsKept) {
  const SearchSpace space = paper_space({3, 4, 7, 4, 11});
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Architecture a = random_architecture(space, seed);
    for (const double factor : {0.01, 0.25, 0.6, 0.9, 1.1, 1.5, 2.0, 2.7, 4.0}) {
      const Architecture scaled = scale_depth(a, factor);
      for (std::size_t s = 0; s < a.stages.size(); ++s) {
        const auto& before = a.stages[s].blocks;
        const auto& after = scaled.stages[s].blocks;
        EXPECT_EQ(after.size(), half_up(before.size(), factor));
        EXPECT_EQ(after.front(), before.front());
        EXPECT_TRUE(factor < 1.0 ? is_subsequence(after, before) : is_subsequence(before, after));
      }
    }
  }
}

std::vector<ArchitectureBlock> with_depth_of(const std::string& letters, std::size_t depth) {
  return with_depth({64, 2, published_blocks(letters)}, depth, 0.25).blocks;
}

// Parameters as repeats: B < E < G of equal expansion, D and A of less; F less than B.
TEST(ScalingTest, BlocksWithTheMostParametersAreRepeatedTheLaterOfEqualOnes) {
  EXPECT_EQ(with_depth_of("ABB", 4), published_blocks("ABBB"));
  EXPECT_EQ(with_depth_of("EBFB", 5), published_blocks("EEBFB"));
  EXPECT_EQ(with_depth_of("BEDE", 5), published_blocks("BEDEE"));
  EXPECT_EQ(with_depth_of("BEDE", 6), published_blocks("BEEDEE"));
  EXPECT_EQ(with_depth_of("BEDE", 9), published_blocks("BBEEDDEEE"));
  EXPECT_EQ(with_depth_of("AG", 7), published_blocks("AAAGGGG"));
}

TEST(ScalingTest, BlocksWithTheFewestParametersGoButNeverTheFirst) {
  EXPECT_EQ(with_depth_of("DEBE", 3), published_blocks("DEE"));
  EXPECT_EQ(with_depth_of("EBFB", 3), published_blocks("EBB"));
  EXPECT_EQ(with_depth_of("DEBE", 1), published_blocks("D"));
  EXPECT_EQ(with_depth_of("AEEE", 2), published_blocks("AE"));
}

TEST(ScalingTest, SqueezeExciteCountsAmongTheParameters) {
  ArchitectureStage stage = {64, 1, published_blocks("BB")};
  stage.blocks[0].squeeze_excite = true;
  const std::vector<ArchitectureBlock> blocks = with_depth(stage, 3, 0.25).blocks;
  EXPECT_TRUE(blocks[1].squeeze_excite);
  EXPECT_FALSE(blocks[2].squeeze_excite);
}

}  // namespace
}  // namespace tilewake
