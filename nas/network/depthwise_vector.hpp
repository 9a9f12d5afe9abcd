// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "nas/network/depthwise_simd.hpp"

// The kernels, written once for all instruction sets with GCC's vector types. A file that includes
// this one first defines TILEWAKE_TARGET, the attribute that enables the instructions. Everything
// is in an anonymous namespace and uses no library functions: the linker could keep an inline
// function compiled with these instructions as the only copy.
#define TILEWAKE_KERNEL TILEWAKE_TARGET static inline
#define TILEWAKE_INLINE TILEWAKE_TARGET __attribute__((always_inline)) static inline

namespace tilewake::depthwise {
namespace {

template <std::int64_t kLanes>
struct VectorOf {
  typedef float Type __attribute__((vector_size(kLanes * sizeof(float))));
};
template <>
struct VectorOf<1> {
  using Type = float;
};
template <std::int64_t kLanes>
using Vector = typename VectorOf<kLanes>::Type;

template <std::int64_t kLanes>
TILEWAKE_INLINE Vector<kLanes> load(const float* from) {
  Vector<kLanes> v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}

template <std::int64_t kLanes>
TILEWAKE_INLINE void store(float* to, const Vector<kLanes>& v) {
  __builtin_memcpy(to, &v, sizeof v);
}

template <std::int64_t kLanes>
TILEWAKE_INLINE float* store_zeros(float* to, int pixels) {
  for (int i = 0; i < pixels; ++i, to += kLanes) store<kLanes>(to, Vector<kLanes>{});
  return to;
}

template <std::int64_t kLanes>
TILEWAKE_KERNEL void pack(const Packing& p) {
  const float* from = p.from;
  float* to = p.to;
  for (int y = 0; y < p.height; ++y) {
    to = store_zeros<kLanes>(to, p.zeros_left);
    for (int x = 0; x < p.width; ++x, from += p.pixel_pitch, to += kLanes) {
      __builtin_prefetch(from + kLanes);  // of the next block, which is packed next
      store<kLanes>(to, load<kLanes>(from));
    }
    to = store_zeros<kLanes>(to, p.zeros_right);
  }
}

// Output pixels are computed in tiles of a row that accumulate in registers.

/// Input of a tile for one output row: rows of input and weights, from the first existing one.
struct TileRows {
  const float* in;
  std::int64_t in_pitch;
  const float* weights;
  int count;
};

/// kTile outputs of a row, with constant taps and step: each input is read once for all taps.
template <std::int64_t kLanes, int kTile, int kTaps, int kStep>
TILEWAKE_INLINE void correlate_tile(const TileRows& rows, float* out, std::int64_t out_pitch) {
  constexpr int kInputs = (kTile - 1) * kStep + kTaps;
  Vector<kLanes> sums[kTile] = {};
  const float* in = rows.in;
  const float* weights = rows.weights;
  for (int row = 0; row < rows.count; ++row) {
#pragma GCC unroll 32
    for (int x = 0; x < kInputs; ++x) {
      const Vector<kLanes> value = load<kLanes>(in + x * kLanes);
#pragma GCC unroll 16
      for (int tap = 0; tap < kTaps; ++tap) {
        const int ahead = x - tap;
        if (ahead < 0 || ahead % kStep != 0 || ahead / kStep >= kTile) continue;
        sums[ahead / kStep] += value * load<kLanes>(weights + tap * kLanes);
      }
    }
    in += rows.in_pitch;
    weights += kTaps * kLanes;
  }
#pragma GCC unroll 16
  for (int i = 0; i < kTile; ++i) store<kLanes>(out + i * out_pitch, sums[i]);
}

/// The same for any number of taps and any step.
template <std::int64_t kLanes, int kTile>
TILEWAKE_INLINE void correlate_any_tile(const TileRows& rows, int taps, int step, float* out,
                                        std::int64_t out_pitch) {
  Vector<kLanes> sums[kTile] = {};
  const float* weights = rows.weights;
  for (int row = 0; row < rows.count; ++row) {
    const float* in = rows.in + row * rows.in_pitch;
    for (int tap = 0; tap < taps; ++tap, in += kLanes, weights += kLanes) {
      const Vector<kLanes> weight = load<kLanes>(weights);
#pragma GCC unroll 16
      for (int i = 0; i < kTile; ++i) sums[i] += load<kLanes>(in + i * step * kLanes) * weight;
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kTile; ++i) store<kLanes>(out + i * out_pitch, sums[i]);
}

/// Computes one tile of the row at x, then advances x. kTaps = 0: any.
template <std::int64_t kLanes, int kTile, int kTaps, int kStep>
TILEWAKE_INLINE void next_tile(const Correlation& c, const TileRows& row, float* out, int& x) {
  const TileRows rows{row.in + static_cast<std::int64_t>(x) * c.step * kLanes, row.in_pitch,
                      row.weights, row.count};
  out += x * c.out_pixel_pitch;
  if constexpr (kTaps > 0) {
    correlate_tile<kLanes, kTile, kTaps, kStep>(rows, out, c.out_pixel_pitch);
  } else {
    correlate_any_tile<kLanes, kTile>(rows, c.tap_columns, c.step, out, c.out_pixel_pitch);
  }
  x += kTile;
}

/// Number of 7-wide tiles in a row that consists of 7- and 8-wide tiles only; 0 if there is none,
/// and smaller tiles cover the rest. Feature maps have sides 7, 14, 28 .. or 8, 16, 32 ..
TILEWAKE_INLINE int num_sevens(int width) {
  for (int sevens = 0; sevens * 7 <= width && sevens < 8; ++sevens) {
    if ((width - sevens * 7) % 8 == 0) return sevens;
  }
  return 0;
}

template <std::int64_t kLanes, int kTaps, int kStep>
TILEWAKE_KERNEL void correlate_rows(const Correlation& c) {
  const int sevens = num_sevens(c.out_width);
  for (int y = 0; y < c.out_height; ++y) {
    const int row = c.first_row + y * c.step;
    const int begin = row < 0 ? -row : 0;
    const int end = row + c.tap_rows > c.in_height ? c.in_height - row : c.tap_rows;
    const TileRows rows{c.in + (row + begin) * c.in_pitch, c.in_pitch,
                        c.weights + static_cast<std::int64_t>(begin) * c.tap_columns * kLanes,
                        end - begin};
    float* out = c.out + y * c.out_row_pitch;
    int x = 0;
    for (int i = 0; i < sevens; ++i) next_tile<kLanes, 7, kTaps, kStep>(c, rows, out, x);
    while (c.out_width - x >= 8) next_tile<kLanes, 8, kTaps, kStep>(c, rows, out, x);
    if (c.out_width - x >= 4) next_tile<kLanes, 4, kTaps, kStep>(c, rows, out, x);
    if (c.out_width - x >= 2) next_tile<kLanes, 2, kTaps, kStep>(c, rows, out, x);
    if (c.out_width - x >= 1) next_tile<kLanes, 1, kTaps, kStep>(c, rows, out, x);
  }
}

/// Taps of 3x3, 5x5 and 7x7, and their splits by stride 2 in the data gradient.
template <std::int64_t kLanes>
TILEWAKE_KERNEL void correlate(const Correlation& c) {
  if (c.step == 1) {
    switch (c.tap_columns) {
      case 1:
        return correlate_rows<kLanes, 1, 1>(c);
      case 2:
        return correlate_rows<kLanes, 2, 1>(c);
      case 3:
        return correlate_rows<kLanes, 3, 1>(c);
      case 4:
        return correlate_rows<kLanes, 4, 1>(c);
      case 5:
        return correlate_rows<kLanes, 5, 1>(c);
      case 7:
        return correlate_rows<kLanes, 7, 1>(c);
      default:
        break;
    }
  } else if (c.step == 2) {
    switch (c.tap_columns) {
      case 3:
        return correlate_rows<kLanes, 3, 2>(c);
      case 5:
        return correlate_rows<kLanes, 5, 2>(c);
      case 7:
        return correlate_rows<kLanes, 7, 2>(c);
      default:
        break;
    }
  }
  correlate_rows<kLanes, 0, 0>(c);
}

// Weight gradients of one kernel row accumulate in registers over the outputs of several rows.

/// Output rows [begin, end) for which kernel row `tap_row` reads the input.
struct RowRange {
  int begin;
  int end;
};
TILEWAKE_INLINE RowRange rows_with_input(const WeightGradient& g, int tap_row, RowRange rows) {
  const auto input_row = [&g, tap_row](int y) { return g.first_row + y * g.step + tap_row; };
  while (rows.begin < rows.end && input_row(rows.begin) < 0) ++rows.begin;
  while (rows.begin < rows.end && input_row(rows.end - 1) >= g.in_height) --rows.end;
  return rows;
}

/// kTile outputs. Two alternating sets of sums: the dependency chain of one set would be slower
/// than the additions.
template <std::int64_t kLanes, int kTile, int kTaps, int kStep>
TILEWAKE_INLINE void add_tile(const float* in, const float* gradient,
                              Vector<kLanes> (&sums)[2][kTaps]) {
  Vector<kLanes> gradients[kTile];
#pragma GCC unroll 16
  for (int i = 0; i < kTile; ++i) gradients[i] = load<kLanes>(gradient + i * kLanes);
#pragma GCC unroll 32
  for (int x = 0; x < (kTile - 1) * kStep + kTaps; ++x) {
    const Vector<kLanes> value = load<kLanes>(in + x * kLanes);
#pragma GCC unroll 16
    for (int tap = 0; tap < kTaps; ++tap) {
      const int ahead = x - tap;
      if (ahead < 0 || ahead % kStep != 0 || ahead / kStep >= kTile) continue;
      sums[(ahead / kStep) % 2][tap] += value * gradients[ahead / kStep];
    }
  }
}

template <std::int64_t kLanes, int kTaps, int kStep>
TILEWAKE_INLINE void add_tap_row(const WeightGradient& g, RowRange rows, int tap_row) {
  constexpr int kTile = 4;
  float* const to = g.sums + static_cast<std::int64_t>(tap_row) * kTaps * kLanes;
  Vector<kLanes> sums[2][kTaps] = {};
  for (int y = rows.begin; y < rows.end; ++y) {
    const float* in = g.in + (g.first_row + y * kStep + tap_row) * g.in_pitch;
    const float* gradient = g.gradient + y * g.gradient_pitch;
    int x = 0;
    for (; x + kTile <= g.out_width; x += kTile) {
      add_tile<kLanes, kTile, kTaps, kStep>(in, gradient, sums);
      in += kTile * kStep * kLanes;
      gradient += kTile * kLanes;
    }
    for (; x < g.out_width; ++x) {
      add_tile<kLanes, 1, kTaps, kStep>(in, gradient, sums);
      in += kStep * kLanes;
      gradient += kLanes;
    }
  }
#pragma GCC unroll 16
  for (int tap = 0; tap < kTaps; ++tap) {
    store<kLanes>(to + tap * kLanes,
                  load<kLanes>(to + tap * kLanes) + (sums[0][tap] + sums[1][tap]));
  }
}

/// The same for any number of taps and any step: one tap at a time.
template <std::int64_t kLanes>
TILEWAKE_INLINE void add_any_tap_row(const WeightGradient& g, RowRange rows, int tap_row) {
  for (int tap = 0; tap < g.taps; ++tap) {
    Vector<kLanes> sums[2] = {};
    for (int y = rows.begin; y < rows.end; ++y) {
      const float* in = g.in + (g.first_row + y * g.step + tap_row) * g.in_pitch + tap * kLanes;
      const float* gradient = g.gradient + y * g.gradient_pitch;
      for (int x = 0; x < g.out_width; ++x) {
        sums[x % 2] += load<kLanes>(in + static_cast<std::int64_t>(x) * g.step * kLanes) *
                       load<kLanes>(gradient + x * kLanes);
      }
    }
    float* const to = g.sums + (static_cast<std::int64_t>(tap_row) * g.taps + tap) * kLanes;
    store<kLanes>(to, load<kLanes>(to) + (sums[0] + sums[1]));
  }
}

template <std::int64_t kLanes, int kTaps, int kStep>
TILEWAKE_KERNEL void add_rows(const WeightGradient& g) {
  // Every kernel row iterates over the input, in strips of rows that fit the L1 cache.
  constexpr std::int64_t kStripFloats = 4096;
  const std::int64_t fitting = kStripFloats / (g.in_pitch * g.step + g.gradient_pitch);
  const int strip = fitting > 4 ? static_cast<int>(fitting) : 4;
  for (int begin = 0; begin < g.out_height; begin += strip) {
    const int end = begin + strip < g.out_height ? begin + strip : g.out_height;
    for (int tap_row = 0; tap_row < g.taps; ++tap_row) {
      const RowRange rows = rows_with_input(g, tap_row, {begin, end});
      if constexpr (kTaps > 0) {
        add_tap_row<kLanes, kTaps, kStep>(g, rows, tap_row);
      } else {
        add_any_tap_row<kLanes>(g, rows, tap_row);
      }
    }
  }
}

template <std::int64_t kLanes>
TILEWAKE_KERNEL void add_weight_gradient(const WeightGradient& g) {
  if (g.step == 1 && g.taps == 3) return add_rows<kLanes, 3, 1>(g);
  if (g.step == 1 && g.taps == 5) return add_rows<kLanes, 5, 1>(g);
  if (g.step == 1 && g.taps == 7) return add_rows<kLanes, 7, 1>(g);
  if (g.step == 2 && g.taps == 3) return add_rows<kLanes, 3, 2>(g);
  if (g.step == 2 && g.taps == 5) return add_rows<kLanes, 5, 2>(g);
  if (g.step == 2 && g.taps == 7) return add_rows<kLanes, 7, 2>(g);
  add_rows<kLanes, 0, 0>(g);
}

template <std::int64_t kLanes>
constexpr Kernels kernels() {
  return {kLanes, &pack<kLanes>, &correlate<kLanes>, &add_weight_gradient<kLanes>};
}

}  // namespace
}  // namespace tilewake::depthwise
