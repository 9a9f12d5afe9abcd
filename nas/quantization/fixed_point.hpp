// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tilewake {

/// A positive factor as an integer and a right shift: multiplier x 2^-shift. The multiplier has 31
/// bits (2^30 to 2^31 - 1) and the shift is from 0 to 62; a factor below 2^-32 is 0.
struct FixedFactor {
  std::int32_t multiplier = 0;
  std::int32_t shift = 0;

  friend bool operator==(const FixedFactor&, const FixedFactor&) = default;
};

/// The nearest FixedFactor, ties to even. Throws std::out_of_range unless 0 <= factor < 2^30.
FixedFactor fixed_factor(double factor);

/// Two factors with a common shift, that of the larger one.
struct FixedPair {
  std::int32_t first = 0;
  std::int32_t second = 0;
  std::int32_t shift = 0;
};
FixedPair fixed_pair(double first, double second);

/// value x 2^-shift, rounded to the nearest integer, ties to even; shift from 0 to 62.
constexpr std::int64_t rounding_shift(std::int64_t value, std::int32_t shift) {
  if (shift == 0) return value;
  const std::int64_t floor = value >> shift;
  const std::int64_t rest = value - (floor << shift);
  const std::int64_t half = std::int64_t{1} << (shift - 1);
  const bool is_up = rest > half || (rest == half && (floor & 1) != 0);
  return is_up ? floor + 1 : floor;
}

constexpr std::int64_t scaled(std::int64_t value, const FixedFactor& factor) {
  return rounding_shift(value * factor.multiplier, factor.shift);
}

}  // namespace tilewake
