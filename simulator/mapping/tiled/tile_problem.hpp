// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "simulator/mapping/tiled/loop_cut.hpp"
#include "simulator/network/layer.hpp"

namespace tilewake {

/// How the pixels of a map are numbered: strip by strip, and line by line within a strip.
struct PixelOrder {
  bool by_columns = false;  // lines are columns of the map, otherwise rows
  std::int64_t strip = 0;   // pixels of each line in one strip; 0: lines are not cut

  friend bool operator==(const PixelOrder&, const PixelOrder&) = default;
};

/// A rectangle of a map, or of the taps of a window.
struct MapBox {
  TileRange rows;
  TileRange columns;

  std::int64_t size() const { return rows.size() * columns.size(); }
  friend bool operator==(const MapBox&, const MapBox&) = default;
};

/// Extents of the four loops of a layer, or of a tile of it.
struct TileExtent {
  std::int64_t groups = 1;   // of independent channels
  std::int64_t pixels = 1;   // of the output maps of all images
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
  PixelOrder order = {};  // of `pixels`

  TileExtent extent() const { return {groups.size(), pixels.size(), outputs.size(), depth.size()}; }
};

/// A layer as loops over groups, pixels, outputs and depth, and the sizes of its blocks.
///
/// | op | groups | pixels of an image | outputs | depth |
/// |---|---|---|---|---|
/// | conv2d | groups | oh ow | oc / groups | ic / groups x kh kw |
/// | depthwise_conv2d, pools | channels | oh ow | 1 | kh kw |
/// | fully_connected | 1 | 1 | oc | ic ih iw |
/// | global_avg_pool | channels | 1 | 1 | ih iw |
/// | reduce | groups | oh ow | oc / groups | elements of the input for each result |
/// | resize | channels | oh ow | 1 | pixels that a result depends on |
/// | softmax, layer_norm, lrn | groups | oh ow | oc / groups, never cut | 1 |
/// | other computations, copies | output channels | oh ow | 1 | 1 |
///
/// A depthwise convolution has as many outputs a channel as its output has channels more than its
/// input. layer_parts.hpp describes by these ops those that are missing.
///
/// A block loads the rectangle of the input that its pixels and taps reach, without the padding;
/// the overlap of neighbouring blocks is loaded twice. Of this rectangle, the buffer keeps the rows
/// and columns that a window reads (a stride can skip some), or the windows one after another
/// (im2col) if these are smaller. Taps of several channels are those of the whole window. Ops
/// without a window, and 1x1 convolutions of stride 1, load one element per pixel. A pad and a
/// slice are windows of one tap, a resize is one whose stride is the ratio of the sizes. All
/// elements of features and weights have the same size.
///
/// The pixels of a batch are one loop, image after image, and tensors are stored channel by
/// channel, each with the pixels of all images. Where the input of a tile depends on its place in
/// the map, a tile is a part of one image, or several whole ones; otherwise it is any range.
class TileProblem {
 public:
  TileProblem(const Layer& layer, std::int64_t bias_bytes, std::int64_t batch = 1,
              std::int64_t element_bytes = 1);

  const TileExtent& extent() const { return extent_; }
  std::int64_t batch() const { return batch_; }
  std::int64_t image_pixels() const { return image_pixels_; }
  /// Whether a tile of less than an image must not contain pixels of two.
  bool keeps_images_apart() const {
    return batch_ > 1 && (has_window_ || (has_second() && !second_is_map()));
  }
  Op op() const { return op_; }
  /// Products of depth per input channel: the taps of the window.
  std::int64_t taps() const { return taps_; }
  std::int64_t kernel_width() const { return kernel_width_; }

  /// Tiles of `tile` pixels. In strips, `tile` is a multiple of the strip's width: a tile has as
  /// many lines in each strip. If images are kept apart, `tile` is at most an image, or a multiple.
  LoopCut cut_pixels(const PixelOrder& order, std::int64_t tile) const;
  /// Whether the input of a tile depends on its position in the map and on its taps: otherwise it
  /// is one element for each pixel, or for each product.
  bool has_window() const { return has_window_; }
  const Shape& ofm() const { return ofm_; }
  /// Whether the window is square, so that rows and columns can be swapped.
  bool has_square_window() const { return kernel_height_ == kernel_width_; }
  /// The problem with rows and columns swapped.
  TileProblem transposed() const;
  /// Whether rows and columns are alike: then no order of pixels is better by columns.
  bool is_symmetric() const {
    return ifm_.height == ifm_.width && ofm_.height == ofm_.width && has_square_window() &&
           stride_.are_equal() && dilation_.are_equal() && pad_top_ == pad_left_ &&
           reach_.are_equal() && second_.height == second_.width;
  }

  /// Whether it is a convolution whose windows overlap as minimal filtering needs it: 3 x 3 taps,
  /// stride 1, not dilated, one group.
  bool is_3x3_of_stride_1() const;

  /// The smallest rectangle of the map that contains these pixels of one image, or of several.
  MapBox pixel_box(const PixelOrder& order, TileRange pixels) const;
  /// The smallest rectangle that contains the taps of these products.
  MapBox tap_box(TileRange depth) const;
  /// The part of the input that `taps` of the windows of `pixels` reach.
  MapBox input_box(const MapBox& pixels, const MapBox& taps) const;
  TileRange input_rows(TileRange rows, TileRange taps) const {
    return input_lines(rows, taps, false);
  }
  TileRange input_columns(TileRange columns, TileRange taps) const {
    return input_lines(columns, taps, true);
  }

  /// Channels (without a window: products of depth) that a block reads of the first operand.
  std::int64_t input_channels(TileRange groups, TileRange depth) const;
  std::int64_t input_bytes(const TileBlock& block) const;
  /// Elements that a block loads of one channel, and those that the buffer keeps.
  std::int64_t input_elements(const TileBlock& block) const;
  std::int64_t kept_elements(const TileBlock& block) const;
  std::int64_t kept_elements(const PixelOrder& order, TileRange pixels, const MapBox& taps) const;
  /// Those of `pixels` successive pixels, wherever they begin, at most; for all taps.
  std::int64_t most_kept_elements(const PixelOrder& order, std::int64_t pixels) const;
  /// Of `lines` rows or columns of the input, those that the buffer keeps for the windows of
  /// `outputs` rows or columns.
  std::int64_t kept_lines(std::int64_t lines, std::int64_t outputs, std::int64_t taps,
                          std::int64_t reach) const {
    return reach > 0 ? lines : std::min(lines, outputs * taps);
  }
  std::int64_t kept_bytes(const TileBlock& block) const;
  /// Weights, plus biases at the start of the depth.
  std::int64_t weight_bytes(const TileBlock& block) const;
  /// Of `num_groups` whole groups.
  std::int64_t weight_bytes(std::int64_t num_groups) const {
    return num_groups *
           (extent_.outputs * extent_.depth * element_bytes_ + biased_outputs_ * bias_bytes_);
  }
  bool has_weights() const { return has_weights_; }
  std::int64_t bias_bytes() const { return bias_bytes_; }
  /// Of a feature, and of a weight.
  std::int64_t element_bytes() const { return element_bytes_; }
  /// Whether a step may compute a part of a group's outputs.
  bool can_cut_outputs() const { return !is_norm(); }
  /// Whether a step may compute a part of the products of its outputs.
  bool can_cut_depth() const {
    return op_ == Op::kConv2d || op_ == Op::kFullyConnected || op_ == Op::kGlobalAvgPool ||
           op_ == Op::kReduce;
  }
  /// Operations of a vector unit for each product of an output, and once for each output.
  std::int64_t operations() const { return operations_; }
  std::int64_t more_operations() const { return more_operations_; }
  void set_more_operations(std::int64_t operations) { more_operations_ = operations; }

  /// Rows and columns that windows reach further, where outputs of one pixel have their windows at
  /// different places.
  void set_reach(const Steps& reach) { reach_ = reach; }
  const Steps& reach() const { return reach_; }
  /// Only the first `outputs` of a group have a bias.
  void set_biased_outputs(std::int64_t outputs) { biased_outputs_ = outputs; }
  /// The outputs are not stored.
  void set_stores_nothing() { stores_ = false; }
  std::int64_t stored_bytes(const TileExtent& extent) const {
    return stores_ ? extent.num_outputs() * element_bytes_ : 0;
  }
  /// Offsets in bytes of the block's features and outputs in their tensors (stored channel by
  /// channel) and of its weights (stored tile by tile in the order of outputs).
  std::int64_t input_offset(const TileBlock& block) const {
    return first_input(block) * element_bytes_;
  }
  std::int64_t output_offset(const TileBlock& block) const {
    return first_output(block) * element_bytes_;
  }
  std::int64_t weight_offset(const TileBlock& block) const;

  /// The second operand of element-wise ops, also if fused. If smaller than the output, it is
  /// repeated: along channels as a whole, and along rows or columns of which it has one.
  void set_second(const Shape& second) { second_ = second; }
  bool has_second() const { return second_.channels > 0; }
  bool second_is_map() const { return second_ == ofm_; }
  /// Its elements of one channel for these pixels, and its channels for `channels` of the output.
  std::int64_t second_elements(const PixelOrder& order, TileRange pixels) const;
  std::int64_t second_channels(std::int64_t channels) const {
    return std::min(channels, second_.channels);
  }
  std::int64_t second_bytes(const TileBlock& block) const;
  std::int64_t second_offset(const TileBlock& block) const {
    return first_second(block) * element_bytes_;
  }
  /// The number of the block's first output in its tensor: partial sums have other bytes.
  std::int64_t first_output(const TileBlock& block) const;

  /// What is in the machine's memory of feature maps and weights; the rest is in DRAM.
  struct OnChip {
    bool input = false;
    bool second = false;
    bool output = false;
    bool weights = false;
    friend bool operator==(const OnChip&, const OnChip&) = default;
  };
  void set_on_chip(const OnChip& on_chip) { on_chip_ = on_chip; }
  const OnChip& on_chip() const { return on_chip_; }

  /// Layers with equal problems have equal tilings.
  friend bool operator==(const TileProblem&, const TileProblem&) = default;
  std::size_t hash() const;

 private:
  bool moves_window() const;
  /// Whether a result depends on all channels of its group.
  bool is_norm() const { return op_ == Op::kSoftmax || op_ == Op::kLayerNorm || op_ == Op::kLrn; }
  /// Whether the elements that an output depends on are one after another.
  bool reads_depth() const {
    return op_ == Op::kFullyConnected || op_ == Op::kGlobalAvgPool || op_ == Op::kReduce;
  }
  TileRange input_lines(TileRange lines, TileRange taps, bool of_columns) const;
  std::int64_t most_kept_lines(std::int64_t outputs, bool of_columns) const;
  std::int64_t bias_bytes_of(const TileBlock& block) const;
  std::int64_t num_images(TileRange pixels) const;
  std::int64_t first_pixel(const TileBlock& block) const;
  std::int64_t first_input(const TileBlock& block) const;
  std::int64_t first_second(const TileBlock& block) const;

  Op op_;
  std::int64_t batch_ = 1;
  TileExtent extent_;
  std::int64_t image_pixels_ = 1;
  std::int64_t taps_ = 1;
  std::int64_t kernel_height_ = 1;
  std::int64_t kernel_width_ = 1;
  Steps stride_;
  Steps dilation_;
  std::int64_t pad_top_ = 0;
  std::int64_t pad_left_ = 0;
  bool has_window_ = false;
  Shape ifm_;
  Shape ofm_;
  bool has_weights_ = false;
  std::int64_t element_bytes_ = 1;
  std::int64_t bias_bytes_ = 0;  // per output
  std::int64_t biased_outputs_ = 0;
  std::int64_t operations_ = 1;
  std::int64_t more_operations_ = 0;
  Steps reach_ = 0;
  bool stores_ = true;
  Shape second_;  // without channels: none
  OnChip on_chip_;
};

}  // namespace tilewake
