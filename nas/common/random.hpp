// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>

namespace tilewake {

/// A number that follows from a seed and up to three counters alone (SplitMix64's step, applied
/// once per argument): what makes every random decision of a run independent of what was drawn
/// before, so that a run can be resumed anywhere. The seed is mixed before a counter is added:
/// neighbouring seeds do not give the same numbers shifted. Source: Steele, Lea, Flood, "Fast
/// Splittable Pseudorandom Number Generators", OOPSLA 2014.
constexpr std::uint64_t random_bits(std::uint64_t seed, std::uint64_t a = 0, std::uint64_t b = 0,
                                    std::uint64_t c = 0) {
  std::uint64_t x = 0;
  for (const std::uint64_t next : {seed, a, b, c}) {
    x += 0x9e3779b97f4a7c15ULL + next;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    x ^= x >> 31;
  }
  return x;
}

/// In [0, 1), from 53 of the bits.
constexpr double to_unit(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1.0p-53; }

/// Further numbers from one seed.
class RandomStream {
 public:
  explicit constexpr RandomStream(std::uint64_t seed) : seed_(seed) {}
  constexpr std::uint64_t bits() { return random_bits(seed_, ++count_); }
  constexpr double unit() { return to_unit(bits()); }
  /// From 0 to n - 1; n > 0. The bias of n / 2^64 does not matter here.
  constexpr std::uint64_t below(std::uint64_t n) { return bits() % n; }

 private:
  std::uint64_t seed_;
  std::uint64_t count_ = 0;
};

}  // namespace tilewake
