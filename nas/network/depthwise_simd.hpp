// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tilewake::depthwise {

/// Instruction sets with depthwise kernels of this module.
enum class SimdLevel { kNone, kAvx2, kAvx512 };

/// The best one that this CPU supports.
SimdLevel best_simd_level();

// All planes below are of one image and of a block of channels that fits one vector: a pixel is
// `lanes` floats. Packed planes have adjacent pixels and zeros left and right, so kernels do not
// test for the borders of a row. There is no padding above and below: rows are skipped.

/// Copies a plane from an NHWC image.
struct Packing {
  const float* from = nullptr;  // the block's first channel of pixel (0, 0)
  int height = 0;
  int width = 0;
  std::int64_t pixel_pitch = 0;  // floats between pixels: all channels
  int zeros_left = 0;
  int zeros_right = 0;
  float* to = nullptr;  // height x (zeros_left + width + zeros_right) x lanes

  int padded_width() const { return zeros_left + width + zeros_right; }
};

/// out(y, x) = sum over taps of in(first_row + step y + tap row, step x + tap column) weight(tap);
/// rows outside of the input count as 0.
struct Correlation {
  const float* in = nullptr;  // packed: row 0, at the column read first by output column 0
  int in_height = 0;
  std::int64_t in_pitch = 0;  // floats between rows
  int first_row = 0;          // read first by output row 0; may be negative
  int step = 1;
  const float* weights = nullptr;  // tap_rows x tap_columns x lanes
  int tap_rows = 0;                // 0 sets all outputs to 0
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
  const float* gradient = nullptr;  // packed, at output (0, 0)
  std::int64_t gradient_pitch = 0;
  int out_height = 0;
  int out_width = 0;
  int taps = 0;           // per side
  float* sums = nullptr;  // taps x taps x lanes
};

/// Kernels for blocks of a number of channels.
struct Kernels {
  int lanes = 0;
  void (*pack)(const Packing&) = nullptr;
  void (*correlate)(const Correlation&) = nullptr;
  void (*add_weight_gradient)(const WeightGradient&) = nullptr;
};

/// Kernels of one instruction set, widest first; the last one is for single channels.
struct KernelSet {
  static constexpr int kMaxWidths = 4;
  Kernels widths[kMaxWidths];
  int num_widths = 0;

  /// The widest kernels for at most `channels`.
  const Kernels& for_channels(int channels) const {
    int i = 0;
    while (widths[i].lanes > channels) ++i;
    return widths[i];
  }
};

/// Null for kNone, and on machines other than x86-64.
const KernelSet* kernel_set(SimdLevel level);

}  // namespace tilewake::depthwise
