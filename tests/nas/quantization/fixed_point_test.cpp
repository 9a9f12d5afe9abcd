// SPDX-License-Identifier: Apache-2.0
#include "nas/quantization/fixed_point.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "nas/quantization/executor_loops.hpp"
#include "nas/quantization/layer_arithmetic.hpp"
#include "tests/support/random.hpp"

namespace tilewake {
namespace {

/// The value of a factor, exactly.
long double value_of(const FixedFactor& factor) {
  return std::ldexp(static_cast<long double>(factor.multiplier), -factor.shift);
}

double random_factor(Random& random) {
  const auto fraction = 1.0 + static_cast<double>(random.below(1U << 30)) * 0x1p-30;
  return std::ldexp(fraction, static_cast<int>(random.between(-32, 28)));
}

TEST(FixedFactor, IsWithinTwoToTheMinus31OfTheFactor) {
  Random random(1);
  for (int i = 0; i < 10'000; ++i) {
    const double factor = random_factor(random);
    const FixedFactor fixed = fixed_factor(factor);
    EXPECT_LE(std::abs(value_of(fixed) / static_cast<long double>(factor) - 1.0L), 0x1p-31L);
    EXPECT_GE(fixed.multiplier, 1 << 30);
    EXPECT_GE(fixed.shift, 0);
    EXPECT_LE(fixed.shift, 62);
  }
}

TEST(FixedFactor, OfPowersOfTwoIsExact) {
  for (int exponent = -31; exponent < 30; ++exponent) {
    const double factor = std::ldexp(1.0, exponent);
    EXPECT_EQ(value_of(fixed_factor(factor)), static_cast<long double>(factor));
  }
  // Rounds up to the next power of two.
  EXPECT_EQ(fixed_factor(1.0 - 0x1p-40), fixed_factor(1.0));
}

TEST(FixedFactor, OfWhatIsTooSmallIsZeroAndOfWhatIsTooLargeAnError) {
  EXPECT_EQ(fixed_factor(0.0), FixedFactor{});
  EXPECT_EQ(fixed_factor(std::ldexp(1.0, -33)), FixedFactor{});
  EXPECT_EQ(fixed_factor(std::numeric_limits<double>::denorm_min()), FixedFactor{});
  EXPECT_THROW(fixed_factor(std::ldexp(1.0, 30)), std::out_of_range);
  EXPECT_THROW(fixed_factor(-1.0), std::out_of_range);
  EXPECT_THROW(fixed_factor(std::numeric_limits<double>::quiet_NaN()), std::out_of_range);
  EXPECT_THROW(fixed_factor(std::numeric_limits<double>::infinity()), std::out_of_range);
}

TEST(FixedPair, HasBothFactorsInOneShift) {
  Random random(2);
  for (int i = 0; i < 1'000; ++i) {
    const double a = random_factor(random);
    const double b = a * (0.01 + 0.001 * static_cast<double>(random.below(5'000)));
    if (std::max(a, b) >= 0x1p30) continue;
    const FixedPair pair = fixed_pair(a, b);
    const long double unit = std::ldexp(1.0L, -pair.shift);
    EXPECT_LE(std::abs(pair.first * unit - static_cast<long double>(a)), unit / 2.0L);
    EXPECT_LE(std::abs(pair.second * unit - static_cast<long double>(b)), unit / 2.0L);
  }
}

TEST(RoundingShift, RoundsToTheNearestTiesToEven) {
  Random random(3);
  for (int i = 0; i < 100'000; ++i) {
    // Few bits below the point, so that ties are frequent and a long double is exact.
    const auto shift = static_cast<std::int32_t>(random.between(0, 62));
    const std::int64_t limit = std::int64_t{1} << 61;
    std::int64_t value = random.between(-limit, limit);
    if (shift > 2 && random.one_in(2)) value = (value >> (shift - 1)) << (shift - 1);
    const long double exact = std::ldexp(static_cast<long double>(value), -shift);
    EXPECT_EQ(rounding_shift(value, shift), static_cast<std::int64_t>(std::nearbyint(exact)))
        << value << " >> " << shift;
  }
  EXPECT_EQ(rounding_shift(5, 1), 2);
  EXPECT_EQ(rounding_shift(7, 1), 4);
  EXPECT_EQ(rounding_shift(-5, 1), -2);
  EXPECT_EQ(rounding_shift(-7, 1), -4);
}

TEST(Scaled, OfTheLargestSumsStaysIn64Bits) {
  const FixedFactor largest{std::numeric_limits<std::int32_t>::max(), 62};
  for (const std::int64_t sum : {std::int64_t{std::numeric_limits<std::int32_t>::max()},
                                 std::int64_t{std::numeric_limits<std::int32_t>::min()}})
    EXPECT_EQ(scaled(sum, largest), sum > 0 ? 1 : -1);
}

// The loop over the outputs of a pixel has no branches.
TEST(ScaleSums, IsTheValueOfEachOutput) {
  Random random(4);
  for (int i = 0; i < 1'000; ++i) {
    QuantizedLayer layer;
    layer.linear.zero_point = static_cast<std::int32_t>(random.between(0, 255));
    layer.low = static_cast<std::int32_t>(random.between(0, 100));
    layer.high = static_cast<std::int32_t>(random.between(101, 255));
    const auto outputs = static_cast<std::size_t>(random.between(1, 40));
    std::vector<std::int32_t> sums;
    for (std::size_t o = 0; o < outputs; ++o) {
      // Small shifts and multipliers: ties are frequent, and results are within the bounds.
      const auto shift = static_cast<std::int32_t>(random.between(0, 10));
      layer.factors.push_back({static_cast<std::int32_t>(random.between(0, 3)), shift});
      sums.push_back(static_cast<std::int32_t>(random.between(-500, 500) << (shift / 2)));
      if (random.one_in(4)) layer.factors.back() = fixed_factor(random_factor(random) * 0x1p-20);
    }
    if (random.one_in(2)) {
      for (std::size_t o = 0; o < outputs; ++o)
        layer.bias.push_back(static_cast<std::int32_t>(random.between(-100, 100)));
    }
    std::vector<std::uint8_t> values(outputs);
    scale_sums(OutputScaling(layer), sums.data(), layer.bias.empty() ? nullptr : layer.bias.data(),
               values.data());
    for (std::size_t o = 0; o < outputs; ++o)
      ASSERT_EQ(values[o], weighted_value(layer, o, sums[o])) << i << ", output " << o;
  }
}

}  // namespace
}  // namespace tilewake
