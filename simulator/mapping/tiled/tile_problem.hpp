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
  std::int64_t groups = 1;   // of channels that have nothing to do with each other
  std::int64_t pixels = 1;   // of the output map, row by row
  std::int64_t outputs = 1;  // output channels of a group
  std::int64_t depth = 1;    // products of one output: input channel, then tap of the window

  std::int64_t num_outputs() const { return groups * pixels * outputs; }
  friend bool operator==(const TileExtent&, const TileExtent&) = default;
};

/// The part of a layer that one step computes.
struct TileBlock {
  TileRange groups;
  TileRange pixels;
  TileRange outputs;
  TileRange depth;

  TileExtent extent() const { return {groups.size(), pixels.size(), outputs.size(), depth.size()}; }
};

/// A layer as loops over groups, pixels, outputs and depth, and what the blocks of them weigh.
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
/// A range of pixels reads whole rows of the input, a range of depth whole channels, so edges of
/// neighbouring blocks are loaded twice. An element is one byte.
class TileProblem {
 public:
  TileProblem(const Layer& layer, std::int64_t bias_bytes);

  const TileExtent& extent() const { return extent_; }
  Op op() const { return op_; }
  /// Products that depth has for each input channel: the taps of the window.
  std::int64_t taps() const { return taps_; }
  std::int64_t kernel_width() const { return kernel_width_; }

  /// Features that a block reads of the first operand: elements that its pixels touch in each
  /// channel (or product of depth) times channels (or products) that its groups and depth touch.
  std::int64_t input_elements(TileRange pixels) const;
  std::int64_t input_channels(TileRange groups, TileRange depth) const;
  std::int64_t input_bytes(const TileBlock& block) const;
  /// Weights, and biases where the depth begins.
  std::int64_t weight_bytes(const TileBlock& block) const;
  bool has_weights() const { return has_weights_; }
  std::int64_t bias_bytes() const { return bias_bytes_; }
  /// Where the block's features and outputs begin in their tensors, stored channel by channel, and
  /// its weights, stored tile by tile in the order of outputs.
  std::int64_t input_offset(const TileBlock& block) const;
  std::int64_t output_offset(const TileBlock& block) const;
  std::int64_t weight_offset(const TileBlock& block) const;

  /// What add and mul combine the first operand with, or a layer's outputs if they are fused into
  /// it: a map as large as the output, or one value a channel.
  enum class Second { kNone, kMap, kVector };
  void set_second(Second second) { second_ = second; }
  bool has_second() const { return second_ != Second::kNone; }
  std::int64_t second_bytes(const TileBlock& block) const;
  std::int64_t second_offset(const TileBlock& block) const;

  /// Two layers with equal problems are tiled alike.
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
  std::int64_t bias_bytes_ = 0;  // of one output
  Second second_ = Second::kNone;
};

}  // namespace tilewake
