// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "nas/quantization/fixed_point.hpp"
#include "nas/quantization/quantized_network.hpp"
#include "simulator/network/layer.hpp"

namespace tilewake {

// One value of a map from sums, or from values less their zero points, as README.md specifies it;
// before the layer's table, if it has one.

inline std::uint8_t bounded_value(const QuantizedLayer& integers, std::int64_t value) {
  return static_cast<std::uint8_t>(
      std::clamp<std::int64_t>(value + integers.linear.zero_point, integers.low, integers.high));
}

/// Of a convolution or fully connected layer: `sum` of the products, without the bias.
inline std::uint8_t weighted_value(const QuantizedLayer& integers, std::size_t output,
                                   std::int64_t sum) {
  const std::int64_t bias = integers.bias.empty() ? 0 : integers.bias[output];
  return bounded_value(integers, scaled(sum + bias, integers.factors[output]));
}

/// Of avg_pool and global_avg_pool.
inline std::uint8_t mean_value(const QuantizedLayer& integers, std::int64_t sum) {
  return bounded_value(integers, scaled(sum, integers.factors[0]));
}

/// Of add and mul.
inline std::uint8_t combined_value(Op op, const QuantizedLayer& integers, std::int64_t a,
                                   std::int64_t b) {
  const std::int64_t value =
      op == Op::kMul
          ? scaled(a * b, integers.factors[0])
          : rounding_shift(a * integers.pair.first + b * integers.pair.second, integers.pair.shift);
  return bounded_value(integers, value);
}

/// Of a concat, from a value of its input `k`.
inline std::uint8_t joined_value(const QuantizedLayer& integers, std::size_t k,
                                 std::int64_t value) {
  return bounded_value(integers, scaled(value, integers.factors[k]));
}

inline std::uint8_t after_table(const QuantizedLayer& integers, std::uint8_t value) {
  return integers.table.empty() ? value : integers.table[value];
}

}  // namespace tilewake
