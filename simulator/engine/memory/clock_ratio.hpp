// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <numeric>

namespace tilewake {

/// Turns cycles of one clock into cycles of another, each from 0, without accumulated rounding:
/// 833.33 ps are no whole number of anything, but 1000 / 1200 is a fraction. Clocks count to the
/// Hz. Exact up to 2^48 cycles (days of simulated time).
class ClockRatio {
 public:
  ClockRatio(double from_mhz, double to_mhz) {
    const auto hz = [](double mhz) { return std::llround(mhz * 1e6); };
    const std::int64_t divisor = std::gcd(hz(from_mhz), hz(to_mhz));
    num_ = hz(to_mhz) / divisor;
    den_ = hz(from_mhz) / divisor;
  }

  /// The last cycle of the other clock that begins no later than `cycle` does.
  std::int64_t floor(std::int64_t cycle) const {
    return static_cast<std::int64_t>(Wide{cycle} * num_ / den_);
  }
  /// The first that begins no earlier.
  std::int64_t ceil(std::int64_t cycle) const {
    return static_cast<std::int64_t>((Wide{cycle} * num_ + den_ - 1) / den_);
  }

 private:
  __extension__ using Wide = __int128;

  std::int64_t num_ = 1;
  std::int64_t den_ = 1;
};

}  // namespace tilewake
