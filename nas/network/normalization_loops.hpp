// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "simulator/network/layer.hpp"

// What batch normalisation does with the floats of a feature map, NHWC: `rows` pixels of `channels`
// neighbouring floats each. Sums of a call are kept in single precision: callers give pieces that
// are small, and add the pieces up.

namespace tilewake::normalization {

/// Whether the loops below know an activation.
bool is_known(Activation activation);

/// Pixels, and what becomes of a channel's floats: z = scale (x - mean) + shift.
struct Map {
  const float* x = nullptr;  // rows x channels
  std::int64_t rows = 0;
  std::int64_t channels = 0;
  const float* mean = nullptr;  // of the channels, as are those below
  const float* scale = nullptr;
  const float* shift = nullptr;
};

/// mean(c) of the rows, and squares(c), the sum of squared distances from it. Reads x twice.
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
