// SPDX-License-Identifier: Apache-2.0
#include "nas/quantization/fixed_point.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace tilewake {
namespace {

constexpr int kMultiplierBits = 31;
constexpr int kMaxShift = 62;

/// Throws for factors that no FixedFactor can hold; NaN among them.
void check_factor(double factor) {
  if (!(factor >= 0.0) || factor >= std::ldexp(1.0, 30))
    throw std::out_of_range("a factor of a fixed-point product must be from 0 to 2^30");
}

}  // namespace

FixedFactor fixed_factor(double factor) {
  check_factor(factor);
  int exponent = 0;  // factor = fraction x 2^exponent, fraction in [0.5, 1)
  std::frexp(factor, &exponent);
  if (factor == 0.0 || kMultiplierBits - exponent > kMaxShift) return {};
  int shift = kMultiplierBits - exponent;
  double multiplier = std::nearbyint(std::ldexp(factor, shift));
  if (multiplier == std::ldexp(1.0, kMultiplierBits)) {  // rounded up to the next power of two
    multiplier /= 2.0;
    --shift;
  }
  return {static_cast<std::int32_t>(multiplier), shift};
}

FixedPair fixed_pair(double first, double second) {
  check_factor(first);
  check_factor(second);
  const FixedFactor larger = fixed_factor(std::max(first, second));
  const auto multiplier = [&](double factor) {
    return static_cast<std::int32_t>(std::nearbyint(std::ldexp(factor, larger.shift)));
  };
  return {multiplier(first), multiplier(second), larger.shift};
}

}  // namespace tilewake
