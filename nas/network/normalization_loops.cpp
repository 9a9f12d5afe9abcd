// SPDX-License-Identifier: Apache-2.0
#include "nas/network/normalization_loops.hpp"

#include <algorithm>
#include <cassert>

// The innermost loops run over channels and are vectorized by the compiler: no branches, no
// aliasing.
#define TILEWAKE_RESTRICT __restrict__

namespace tilewake::normalization {
namespace {

// Comparisons preserve NaN, so that a diverging training is detected.

struct None {
  static float value(float z) { return z; }
  static float slope(float /*z*/) { return 1.0F; }
};

struct Relu {
  static float value(float z) { return z < 0.0F ? 0.0F : z; }
  static float slope(float z) { return z <= 0.0F ? 0.0F : 1.0F; }
};

struct Relu6 {
  static float value(float z) {
    const float positive = z < 0.0F ? 0.0F : z;
    return positive > 6.0F ? 6.0F : positive;
  }
  static float slope(float z) {
    const float below = z >= 6.0F ? 0.0F : 1.0F;
    return z <= 0.0F ? 0.0F : below;
  }
};

struct Hswish {
  static float value(float z) {
    const float positive = z < -3.0F ? 0.0F : z + 3.0F;
    return z * (positive > 6.0F ? 6.0F : positive) * (1.0F / 6.0F);
  }
  static float slope(float z) {
    const float below = z >= 3.0F ? 1.0F : z * (1.0F / 3.0F) + 0.5F;
    return z <= -3.0F ? 0.0F : below;
  }
};

template <typename Act>
void apply_as(const Map& map, float* y) {
  const float* TILEWAKE_RESTRICT mean = map.mean;
  const float* TILEWAKE_RESTRICT scale = map.scale;
  const float* TILEWAKE_RESTRICT shift = map.shift;
  for (std::int64_t r = 0; r < map.rows; ++r) {
    const float* TILEWAKE_RESTRICT x = map.x + r * map.channels;
    float* TILEWAKE_RESTRICT to = y + r * map.channels;
    for (std::int64_t c = 0; c < map.channels; ++c)
      to[c] = Act::value(scale[c] * (x[c] - mean[c]) + shift[c]);
  }
}

template <typename Act>
void sum_gradient_as(const Map& map, const float* gradient, float* sums, float* products) {
  const float* TILEWAKE_RESTRICT mean = map.mean;
  const float* TILEWAKE_RESTRICT scale = map.scale;
  const float* TILEWAKE_RESTRICT shift = map.shift;
  float* TILEWAKE_RESTRICT sum = sums;
  float* TILEWAKE_RESTRICT product = products;
  for (std::int64_t r = 0; r < map.rows; ++r) {
    const float* TILEWAKE_RESTRICT x = map.x + r * map.channels;
    const float* TILEWAKE_RESTRICT from = gradient + r * map.channels;
#pragma GCC ivdep  // GCC drops restrict if an activation has branches
    for (std::int64_t c = 0; c < map.channels; ++c) {
      const float centered = x[c] - mean[c];
      const float g = from[c] * Act::slope(scale[c] * centered + shift[c]);
      sum[c] += g;
      product[c] += g * centered;
    }
  }
}

template <typename Act>
void input_gradient_as(const Map& map, const float* gradient, const float* offset,
                       const float* slope, float* x_gradient) {
  const float* TILEWAKE_RESTRICT mean = map.mean;
  const float* TILEWAKE_RESTRICT scale = map.scale;
  const float* TILEWAKE_RESTRICT shift = map.shift;
  const float* TILEWAKE_RESTRICT less = offset;
  const float* TILEWAKE_RESTRICT steepness = slope;
  for (std::int64_t r = 0; r < map.rows; ++r) {
    const float* TILEWAKE_RESTRICT x = map.x + r * map.channels;
    const float* TILEWAKE_RESTRICT from = gradient + r * map.channels;
    float* TILEWAKE_RESTRICT to = x_gradient + r * map.channels;
#pragma GCC ivdep
    for (std::int64_t c = 0; c < map.channels; ++c) {
      const float centered = x[c] - mean[c];
      const float g = from[c] * Act::slope(scale[c] * centered + shift[c]);
      to[c] = scale[c] * g - less[c] - steepness[c] * centered;
    }
  }
}

/// f(Act()) of an activation.
template <typename F>
void with(Activation activation, const F& f) {
  switch (activation) {
    case Activation::kNone:
      return f(None());
    case Activation::kRelu:
      return f(Relu());
    case Activation::kRelu6:
      return f(Relu6());
    case Activation::kHswish:
      return f(Hswish());
    default:
      assert(false && "activation without loops");
  }
}

}  // namespace

bool is_known(Activation activation) {
  return activation == Activation::kNone || activation == Activation::kRelu ||
         activation == Activation::kRelu6 || activation == Activation::kHswish;
}

void measure(const float* x, std::int64_t rows, std::int64_t channels, float* mean,
             float* squares) {
  float* TILEWAKE_RESTRICT m = mean;
  float* TILEWAKE_RESTRICT s = squares;
  std::fill(m, m + channels, 0.0F);
  std::fill(s, s + channels, 0.0F);
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* TILEWAKE_RESTRICT pixel = x + r * channels;
    for (std::int64_t c = 0; c < channels; ++c) m[c] += pixel[c];
  }
  for (std::int64_t c = 0; c < channels; ++c) m[c] /= static_cast<float>(rows);
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* TILEWAKE_RESTRICT pixel = x + r * channels;
    for (std::int64_t c = 0; c < channels; ++c) s[c] += (pixel[c] - m[c]) * (pixel[c] - m[c]);
  }
}

void apply(const Map& map, Activation activation, float* y) {
  with(activation, [&](auto act) { apply_as<decltype(act)>(map, y); });
}

void sum_gradient(const Map& map, Activation activation, const float* gradient, float* sums,
                  float* products) {
  std::fill(sums, sums + map.channels, 0.0F);
  std::fill(products, products + map.channels, 0.0F);
  with(activation,
       [&](auto act) { sum_gradient_as<decltype(act)>(map, gradient, sums, products); });
}

void input_gradient(const Map& map, Activation activation, const float* gradient,
                    const float* offset, const float* slope, float* x_gradient) {
  with(activation, [&](auto act) {
    input_gradient_as<decltype(act)>(map, gradient, offset, slope, x_gradient);
  });
}

}  // namespace tilewake::normalization
