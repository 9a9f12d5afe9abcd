// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "simulator/network/layer.hpp"

namespace tilewake {

/// Half-open range of one loop.
struct TileRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  std::int64_t size() const { return end - begin; }
  friend bool operator==(const TileRange&, const TileRange&) = default;
};

/// Extents of the four loops of a layer, or of a tile of it.
struct TileExtent {
  std::int64_t groups = 1;   // of independent channels
  std::int64_t pixels = 1;   // of the output map, in row-major order
  std::int64_t outputs = 1;  // output channels of a group
  std::int64_t depth = 1;    // products of one output: input channel, then tap of the window

  std::int64_t num_outputs() const { return groups * pixels * outputs; }
  friend bool operator==(const TileExtent&, const TileExtent&) = default;
};

/// The part of a layer computed by one step.
struct TileBlock {
  TileRange groups;
  TileRange pixels;
  TileRange outputs;
  TileRange depth;

  TileExtent extent() const { return {groups.size(), pixels.size(), outputs.size(), depth.size()}; }
};

/// A layer as loops over groups, pixels, outputs and depth, and the sizes of its blocks.
///
/// | op | groups | pixels | outputs | depth |
/// |---|---|---|---|---|
/// | conv2d | groups | oh ow | oc / groups | ic / groups x kh kw |
/// | depthwise_conv2d, pools | channels | oh ow | 1 | kh kw |
/// | fully_connected | 1 | 1 | oc | ic ih iw |
/// | global_avg_pool | channels | 1 | 1 | ih iw |
/// | add, mul, copy of a concat's input | channels | oh ow | 1 | 1 |
/// | channel_split, channel_shuffle | output channels | oh ow | 1 | 1 |
///
/// A range of pixels reads whole rows of the input and a range of depth whole channels, so the
/// overlap of neighbouring blocks is loaded twice. An element is one byte.
class TileProblem {
 public:
  TileProblem(const Layer& layer, std::int64_t bias_bytes);

  const TileExtent& extent() const { return extent_; }
  Op op() const { return op_; }
  /// Products of depth per input channel: the taps of the window.
  std::int64_t taps() const { return taps_; }
  std::int64_t kernel_width() const { return kernel_width_; }

  /// Features that a block reads of the first operand: elements per channel (or product of depth)
  /// touched by its pixels, times channels (or products) touched by its groups and depth.
  std::int64_t input_elements(TileRange pixels) const;
  std::int64_t input_channels(TileRange groups, TileRange depth) const;
  std::int64_t input_bytes(const TileBlock& block) const;
  /// Weights, plus biases at the start of the depth.
  std::int64_t weight_bytes(const TileBlock& block) const;
  bool has_weights() const { return has_weights_; }
  std::int64_t bias_bytes() const { return bias_bytes_; }
  /// Offsets of the block's features and outputs in their tensors (stored channel by channel) and
  /// of its weights (stored tile by tile in the order of outputs).
  std::int64_t input_offset(const TileBlock& block) const;
  std::int64_t output_offset(const TileBlock& block) const;
  std::int64_t weight_offset(const TileBlock& block) const;

  /// The second operand of add and mul, also if fused: none, a map as large as the output, or one
  /// value per channel.
  enum class Second { kNone, kMap, kVector };
  void set_second(Second second) { second_ = second; }
  bool has_second() const { return second_ != Second::kNone; }
  std::int64_t second_bytes(const TileBlock& block) const;
  std::int64_t second_offset(const TileBlock& block) const;

  /// Layers with equal problems have equal tilings.
  friend bool operator==(const TileProblem&, const TileProblem&) = default;

 private:
  bool moves_window() const;

  Op op_;
  TileExtent extent_;
  std::int64_t taps_ = 1;
  std::int64_t kernel_height_ = 1;
  std::int64_t kernel_width_ = 1;
  std::int64_t stride_ = 1;
  std::int64_t dilation_ = 1;
  std::int64_t pad_top_ = 0;
  Shape ifm_;
  Shape ofm_;
  bool has_weights_ = false;
  std::int64_t bias_bytes_ = 0;  // per output
  Second second_ = Second::kNone;
};

}  // namespace tilewake
