// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tilewake::depthwise {

/// Instruction sets that depthwise convolutions have own kernels for.
enum class SimdLevel { kNone, kAvx2, kAvx512 };

/// The best one that this CPU runs.
SimdLevel best_simd_level();

// All planes below are of one image and of a block of channels that one vector holds: a pixel is
// `lanes` floats. Packed planes have their pixels side by side and zeros left and right, so that no
// kernel tests for the border of a row; above and below there is nothing, rows are left out.

/// Copies a plane out of an NHWC image.
struct Packing {
  const float* from = nullptr;  // the block's first channel of pixel (0, 0)
  int height = 0;
  int width = 0;
  std::int64_t pixel_pitch = 0;  // floats from a pixel to the next: all channels
  int zeros_left = 0;
  int zeros_right = 0;
  float* to = nullptr;  // height x (zeros_left + width + zeros_right) x lanes

  int padded_width() const { return zeros_left + width + zeros_right; }
};

/// out(y, x) = sum over taps of in(first_row + step y + tap row, step x + tap column) weight(tap),
/// where rows outside of the input count nothing.
struct Correlation {
  const float* in = nullptr;  // packed: row 0, at the column that output column 0 reads first
  int in_height = 0;
  std::int64_t in_pitch = 0;  // floats from a row to the next
  int first_row = 0;          // that output row 0 reads first; may be negative
  int step = 1;
  const float* weights = nullptr;  // tap_rows x tap_columns x lanes
  int tap_rows = 0;                // 0 makes all outputs 0
  int tap_columns = 0;
  float* out = nullptr;
  int out_height = 0;
  int out_width = 0;
  std::int64_t out_row_pitch = 0;  // floats
  std::int64_t out_pixel_pitch = 0;
};

/// sums(tap) += sum over outputs of gradient(y, x) in(first_row + step y + tap row,
/// step x + tap column).
struct WeightGradient {
  const float* in = nullptr;  // as in Correlation
  int in_height = 0;
  std::int64_t in_pitch = 0;
  int first_row = 0;
  int step = 1;
  const float* gradient = nullptr;  // packed: of output (0, 0)
  std::int64_t gradient_pitch = 0;
  int out_height = 0;
  int out_width = 0;
  int taps = 0;           // on a side
  float* sums = nullptr;  // taps x taps x lanes
};

/// Kernels for blocks of so many channels.
struct Kernels {
  int lanes = 0;
  void (*pack)(const Packing&) = nullptr;
  void (*correlate)(const Correlation&) = nullptr;
  void (*add_weight_gradient)(const WeightGradient&) = nullptr;
};

/// Kernels of one instruction set, widest first; the last is for single channels.
struct KernelSet {
  static constexpr int kMaxWidths = 4;
  Kernels widths[kMaxWidths];
  int num_widths = 0;

  /// The widest for `channels` or fewer.
  const Kernels& for_channels(int channels) const {
    int i = 0;
    while (widths[i].lanes > channels) ++i;
    return widths[i];
  }
};

/// Null where there are none: for kNone, and on machines other than x86-64.
const KernelSet* kernel_set(SimdLevel level);

}  // namespace tilewake::depthwise
