// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "nas/quantization/quantized_network.hpp"

namespace tilewake {

// Inner loops of the executors, compiled for the compiler's vectors. Sums of floats have a fixed
// order: results do not depend on how they are compiled.

/// The sum of a[i] x b[i], which 32 bits hold.
std::int32_t dot(const std::int16_t* a, const std::int16_t* b, std::int64_t n);

/// sums[i] += a[i] x b[i]
void add_products(const std::int16_t* a, const std::int16_t* b, std::int32_t* sums, std::int64_t n);
void add_products(const float* a, const float* b, float* sums, std::int64_t n);

/// sums[i] += a x b[i]
void add_multiples(float a, const float* b, float* sums, std::int64_t n);

/// The factors of a layer with weights and its bounds, as loops over its outputs read them.
struct OutputScaling {
  explicit OutputScaling(const QuantizedLayer& layer);

  std::vector<std::int64_t> multipliers;
  std::vector<std::int64_t> shifts;
  std::vector<std::int64_t> below_half;  // the largest rest that is rounded down, at an even result
  std::vector<std::int64_t> odd_bits;    // 1, or 0 where nothing is shifted out
  std::int64_t zero_point = 0;
  std::int64_t low = 0;
  std::int64_t high = 0;
};

/// weighted_value() of all outputs of a pixel. `biases` may be null.
void scale_sums(const OutputScaling& scaling, const std::int32_t* sums, const std::int32_t* biases,
                std::uint8_t* values);

}  // namespace tilewake
