// SPDX-License-Identifier: Apache-2.0
#include "nas/common/random.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <set>

#include <gtest/gtest.h>

namespace tilewake {
namespace {

// One step of the generator as its authors write it, with the state apart from the output.
std::uint64_t splitmix64(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

double chi_square(const std::array<int, 64>& counts, double expected) {
  double sum = 0.0;
  for (const int count : counts) sum += (count - expected) * (count - expected) / expected;
  return sum;
}

// The 99.99 % quantile for 63 degrees of freedom is 112.
constexpr double kMaxChiSquare = 112.0;

TEST(RandomBits, StepIsSplitMix64) {
  // Published: S. Vigna's splitmix64.c, seed 1234567, as listed on rosettacode.org.
  std::uint64_t state = 1234567;
  for (const std::uint64_t expected :
       {6457827717110365317ULL, 3203168211198807973ULL, 9817491932198370423ULL,
        4593380528125082431ULL, 16408922859458223821ULL})
    EXPECT_EQ(splitmix64(state), expected);
}

TEST(RandomBits, EachArgumentIsOneStepFromTheLastOutput) {
  std::uint64_t x = 0;
  for (const std::uint64_t next : {7ULL, 1ULL, 0ULL, ~0ULL}) {
    std::uint64_t state = x + next;
    x = splitmix64(state);
  }
  EXPECT_EQ(random_bits(7, 1, 0, ~0ULL), x);
  static_assert(random_bits(1) == random_bits(1, 0, 0, 0));
}

TEST(RandomBits, EveryArgumentMattersInItsPlace) {
  std::set<std::uint64_t> seen;
  for (std::uint64_t seed = 0; seed < 10; ++seed)
    for (std::uint64_t a = 0; a < 10; ++a)
      for (std::uint64_t b = 0; b < 10; ++b)
        for (std::uint64_t c = 0; c < 10; ++c) seen.insert(random_bits(seed, a, b, c));
  EXPECT_EQ(seen.size(), 10000U);
}

TEST(RandomBits, FlippedInputBitFlipsHalfOfTheOutput) {
  const std::array<std::uint64_t, 4> base = {12345, 6, 78, 9};
  for (std::size_t argument = 0; argument < 4; ++argument) {
    int num_flipped = 0;
    for (int bit = 0; bit < 64; ++bit) {
      std::array<std::uint64_t, 4> other = base;
      other[argument] ^= std::uint64_t{1} << bit;
      num_flipped += std::popcount(random_bits(base[0], base[1], base[2], base[3]) ^
                                   random_bits(other[0], other[1], other[2], other[3]));
    }
    // 64 x 64 fair coins: mean 2048, standard deviation 32.
    EXPECT_NEAR(num_flipped, 2048, 4 * 32) << "argument " << argument;
  }
}

TEST(RandomStream, NeighbouringSeedsShareNoNumbers) {
  std::set<std::uint64_t> seen;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    RandomStream random(seed);
    for (int i = 0; i < 500; ++i) seen.insert(random.bits());
  }
  EXPECT_EQ(seen.size(), 10000U);
}

TEST(RandomStream, UnitIsUniformAndBelowOne) {
  RandomStream random(1);
  std::array<int, 64> counts{};
  for (int i = 0; i < 64000; ++i) {
    const double u = random.unit();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    ++counts[static_cast<std::size_t>(u * 64)];
  }
  EXPECT_LT(chi_square(counts, 1000.0), kMaxChiSquare);
  EXPECT_LT(to_unit(~0ULL), 1.0);
  EXPECT_EQ(to_unit(0), 0.0);
}

TEST(RandomStream, BelowIsUniformAndPairsAreIndependent) {
  RandomStream random(2);
  std::array<int, 64> counts{};
  for (int i = 0; i < 64000; ++i) ++counts[random.below(8) * 8 + random.below(8)];
  EXPECT_LT(chi_square(counts, 1000.0), kMaxChiSquare);
}

}  // namespace
}  // namespace tilewake
