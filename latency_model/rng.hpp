// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <random>

namespace tilewake {

/// Seeded random numbers, identical with every standard library (std distributions are not).
class Rng {
 public:
  Rng(std::uint64_t seed, std::uint64_t index) {
    // seed_seq decorrelates the streams of neighbouring seeds and indices.
    std::seed_seq words{seed, seed >> 32, index};
    engine_.seed(words);
  }

  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool chance(int percent) { return between(0, 99) < percent; }
  /// Log-uniform: as often between 1 and 2 as between 100 and 200.
  double spread_real(double low, double high) {
    const double share = static_cast<double>(engine_() >> 11) * 0x1p-53;
    return low * std::pow(high / low, share);
  }
  std::int64_t spread(std::int64_t low, std::int64_t high) {
    if (high <= low) return low;
    const double value = spread_real(static_cast<double>(low), static_cast<double>(high + 1));
    return std::clamp(static_cast<std::int64_t>(value), low, high);
  }
  template <typename T>
  T pick(std::initializer_list<T> values) {
    return values.begin()[between(0, static_cast<std::int64_t>(values.size()) - 1)];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace tilewake
