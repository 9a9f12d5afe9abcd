// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>

namespace tilewake {

/// Smallest integer >= a / b. `a` may be negative, `b` is positive.
template <std::integral T>
constexpr T ceil_div(T a, T b) {
  return a / b + (a % b > 0 ? 1 : 0);
}

/// Largest integer <= a / b. `a` may be negative, `b` is positive.
template <std::integral T>
constexpr T floor_div(T a, T b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

/// Smallest multiple of `step` that is >= a.
template <std::integral T>
constexpr T round_up(T a, T step) {
  return ceil_div(a, step) * step;
}

}  // namespace tilewake
