// SPDX-License-Identifier: Apache-2.0
#include "nas/quantization/executor_loops.hpp"

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

void add_multiples(float a, const float* b, float* sums, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) sums[i] += a * b[i];
}

}  // namespace tilewake
