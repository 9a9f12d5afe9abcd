// SPDX-License-Identifier: Apache-2.0
#include "nas/quantization/executor_loops.hpp"

#include <algorithm>
#include <cstddef>

namespace tilewake {

std::int32_t dot(const std::int16_t* a, const std::int16_t* b, std::int64_t n) {
  std::int32_t sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += std::int32_t{a[i]} * std::int32_t{b[i]};
  return sum;
}

void add_products(const std::int16_t* a, const std::int16_t* b, std::int32_t* sums,
                  std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) sums[i] += std::int32_t{a[i]} * std::int32_t{b[i]};
}

void add_products(const float* a, const float* b, float* sums, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) sums[i] += a[i] * b[i];
}

OutputScaling::OutputScaling(const QuantizedLayer& layer)
    : zero_point(layer.linear.zero_point), low(layer.low), high(layer.high) {
  for (const FixedFactor& factor : layer.factors) {
    multipliers.push_back(factor.multiplier);
    shifts.push_back(factor.shift);
    below_half.push_back(factor.shift == 0 ? 0 : (std::int64_t{1} << (factor.shift - 1)) - 1);
    odd_bits.push_back(factor.shift == 0 ? 0 : 1);
  }
}

// rounding_shift() without branches: half is added, less one where the result would be even, so
// that a tie does not carry.
void scale_sums(const OutputScaling& scaling, const std::int32_t* sums, const std::int32_t* biases,
                std::uint8_t* values) {
  const std::int64_t* multipliers = scaling.multipliers.data();
  const std::int64_t* shifts = scaling.shifts.data();
  const std::int64_t* below_half = scaling.below_half.data();
  const std::int64_t* odd_bits = scaling.odd_bits.data();
  const std::size_t size = scaling.multipliers.size();
  for (std::size_t i = 0; i < size; ++i) {
    const std::int64_t sum = std::int64_t{sums[i]} + (biases == nullptr ? 0 : biases[i]);
    const std::int64_t product = sum * multipliers[i];
    const std::int64_t is_odd = (product >> shifts[i]) & odd_bits[i];
    const std::int64_t value = (product + below_half[i] + is_odd) >> shifts[i];
    values[i] = static_cast<std::uint8_t>(
        std::clamp(value + scaling.zero_point, scaling.low, scaling.high));
  }
}

void add_multiples(float a, const float* b, float* sums, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) sums[i] += a * b[i];
}

}  // namespace tilewake
