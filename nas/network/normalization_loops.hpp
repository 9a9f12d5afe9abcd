// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "simulator/network/layer.hpp"

// Batch normalisation of NHWC feature maps: `rows` pixels of `channels` adjacent floats each. Sums
// of a call are in single precision: callers pass small pieces and sum up the results.

namespace tilewake::normalization {

/// Whether the loops below support an activation.
bool is_known(Activation activation);

/// Pixels, and the scaling of a channel: z = scale (x - mean) + shift.
struct Map {
  const float* x = nullptr;  // rows x channels
  std::int64_t rows = 0;
  std::int64_t channels = 0;
  const float* mean = nullptr;  // per channel, like those below
  const float* scale = nullptr;
  const float* shift = nullptr;
};

/// mean(c) of the rows, and squares(c), the sum of squared deviations. Reads x twice.
void measure(const float* x, std::int64_t rows, std::int64_t channels, float* mean, float* squares);

/// y = activation(z)
void apply(const Map& map, Activation activation, float* y);

/// With g = gradient activation'(z): sums(c) = sum of g, products(c) = sum of g (x - mean(c)).
void sum_gradient(const Map& map, Activation activation, const float* gradient, float* sums,
                  float* products);

/// x_gradient = scale(c) g - offset(c) - slope(c) (x - mean(c))
void input_gradient(const Map& map, Activation activation, const float* gradient,
                    const float* offset, const float* slope, float* x_gradient);

}  // namespace tilewake::normalization
