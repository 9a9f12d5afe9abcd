// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

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

}  // namespace tilewake
