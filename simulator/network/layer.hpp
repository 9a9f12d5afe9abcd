// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tilewake {

enum class Op {
  kConv2d,
  kDepthwiseConv2d,
  kFullyConnected,
  kMaxPool,
  kAvgPool,
  kGlobalAvgPool,
  kAdd,
  kMul,
  kConcat,
  kChannelSplit,  // a range of channels
  kChannelShuffle,
  kConvTranspose2d,
  kMatmul,  // of two feature maps
  kSub,
  kDiv,
  kMaximum,    // of two maps; minima cost the same
  kResize,     // nearest neighbours, or interpolated
  kReduce,     // over channels, rows or columns; global_avg_pool is a separate op
  kSoftmax,    // over the channels of a group, pixel by pixel
  kLayerNorm,  // over the channels of a group, pixel by pixel
  kGroupNorm,  // over the channels of a group and all pixels; a group a channel: instance norm
  kLrn,        // over neighbouring channels
  kSlice,      // a range of channels, rows and columns
  kPad,
  kTranspose,  // any reordering of elements
  kDepthToSpace,
  kSpaceToDepth,
  kInput,      // a further input of the network
  kConstant,   // a map of parameters
  kEmbedding,  // rows of a table of parameters, picked by numbers
  kHost        // what is not modelled: its bytes go to the host and come back
};

enum class Activation {
  kNone,
  kRelu,
  kRelu6,
  kHswish,
  kSwish,
  kSigmoid,
  kHsigmoid,
  kLeakyRelu,
  kPrelu,  // one slope a channel
  kClip,
  kTanh,
  kElu,
  kGelu,
  kMish,
  kSoftplus,
  kExp,
  kSqrt,  // and other powers, logarithms and quotients
  kErf
};

/// The dimension along which a concat joins maps.
enum class Axis { kChannels, kRows, kColumns };

/// The name in network files and traces ("conv2d", "relu6", ...).
std::string_view to_string(Op op);
std::string_view to_string(Activation activation);
std::string_view to_string(Axis axis);

/// Extent of a feature map; one element is one byte (int8).
struct Shape {
  std::int64_t channels = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;

  std::int64_t num_elements() const { return channels * height * width; }
  friend bool operator==(const Shape&, const Shape&) = default;
};

/// Zeros around the input feature map, in elements.
struct Padding {
  std::int64_t top = 0;
  std::int64_t left = 0;
  std::int64_t bottom = 0;
  std::int64_t right = 0;
  friend bool operator==(const Padding&, const Padding&) = default;
};

/// Steps of a window along rows and columns.
struct Steps {
  std::int64_t height = 1;
  std::int64_t width = 1;

  Steps() = default;
  Steps(std::int64_t both) : height(both), width(both) {}  // NOLINT(google-explicit-constructor)
  Steps(std::int64_t rows, std::int64_t columns) : height(rows), width(columns) {}
  bool are_equal() const { return height == width; }
  friend bool operator==(const Steps&, const Steps&) = default;
};

/// `Layer::inputs` entry of the network's input feature map.
inline constexpr int kNetworkInput = -1;

/// One node of a network, with all shapes resolved.
///
/// Window fields (kernel, stride, padding, dilation) are valid for the ops of has_window(); for
/// others they are 1, 1, 0, 1. `padding` contains only zeros that windows read. At the far end it
/// can be negative: the number of input columns or rows that no window reads. Of conv_transpose2d
/// it is what is cut off the output, negative where rows or columns are added. A slice is a window
/// of one tap with negative padding at the near end, the rows and columns before the first.
/// Of resize, the kernel is the number of pixels that one output depends on: 1, 2 (linear) or 4
/// (cubic) in each direction.
///
/// A sequence of tokens is a map of as many rows and one column, with the features of a token as
/// channels. A matmul has operands a and b. With g groups, output channels o of a group and depth
/// d: a has g d channels; b has g d channels and o pixels if `transposed`, otherwise g o channels
/// and d pixels. Its output has g o channels and the pixels of a.
struct Layer {
  std::string name;
  std::string block;  // the block entry that it was expanded from, otherwise empty
  Op op = Op::kConv2d;
  Activation activation = Activation::kNone;
  std::vector<int> inputs;  // layer indices, all smaller than this layer's, or kNetworkInput
  Shape ifm;                // shape of the first input; for elementwise ops of the largest operand
  Shape ofm;
  std::int64_t kernel_height = 1;
  std::int64_t kernel_width = 1;
  Steps stride;
  Steps dilation;
  /// conv2d (depthwise_conv2d is a separate op), conv_transpose2d, matmul, softmax, layer_norm and
  /// group_norm; channel_shuffle: with n channels per group, ofm channel j * groups + i is ifm
  /// channel i * n + j.
  std::int64_t groups = 1;
  /// channel_split and slice: the first channel of the input that is read.
  std::int64_t first_channel = 0;
  Padding padding;
  bool bias = true;             // of an op with weights; of a norm: it has factors
  bool transposed = false;      // matmul: how its second operand lies
  Axis axis = Axis::kChannels;  // concat
  /// depth_to_space, space_to_depth: side of a block; lrn: channels of its window; embedding: rows
  /// of its table.
  std::int64_t extent = 1;
  /// transpose: the input's channels, rows and columns, factored into `view`, and the order of
  /// these factors in the output.
  std::vector<std::int64_t> view;
  std::vector<int> order;
  int weights_of = -1;    // an earlier layer whose weights it uses; -1: it has its own
  bool own_bias = false;  // with weights_of: the bias is not the other layer's
  bool shift = true;      // of a norm with bias: it has shifts, not only factors

  bool has_weights() const {
    return op == Op::kConv2d || op == Op::kDepthwiseConv2d || op == Op::kFullyConnected ||
           op == Op::kConvTranspose2d;
  }
  /// Whether weights_of can name another layer of this op.
  bool can_share_weights() const { return has_weights() || is_norm() || op == Op::kEmbedding; }
  bool has_window() const {
    return op == Op::kConv2d || op == Op::kDepthwiseConv2d || op == Op::kMaxPool ||
           op == Op::kAvgPool || op == Op::kConvTranspose2d;
  }
  bool has_groups() const {
    return op == Op::kConv2d || op == Op::kConvTranspose2d || op == Op::kChannelShuffle ||
           op == Op::kMatmul || op == Op::kSoftmax || is_norm();
  }
  bool is_elementwise() const {
    return op == Op::kAdd || op == Op::kMul || op == Op::kSub || op == Op::kDiv ||
           op == Op::kMaximum;
  }
  /// Selects or reorders channels: a copy without computation and activation.
  bool moves_channels() const { return op == Op::kChannelSplit || op == Op::kChannelShuffle; }
  /// Copies, selects or reorders elements: no computation, and no activation.
  bool moves_data() const {
    return moves_channels() || op == Op::kSlice || op == Op::kPad || op == Op::kTranspose ||
           op == Op::kDepthToSpace || op == Op::kSpaceToDepth || op == Op::kEmbedding ||
           op == Op::kHost;
  }
  bool is_norm() const { return op == Op::kLayerNorm || op == Op::kGroupNorm; }
  /// Reads no layer: its map is there when the network begins.
  bool is_source() const { return op == Op::kInput || op == Op::kConstant; }

  /// Multiply-accumulates of convolutions, fully connected layers and matrix products over the
  /// whole window (padding taps included, as publications count them); 0 for every other op.
  std::int64_t num_macs() const;
  /// MACs without the taps in the padding (of conv_transpose2d: those that fall outside of the
  /// output): the work of a machine that skips padding, and the base of utilization.
  std::int64_t num_effective_macs() const;
  /// Products of one output of a matmul.
  std::int64_t depth() const { return ifm.channels / groups; }
  /// Weights without bias.
  std::int64_t num_weights() const;
  /// Weights and biases, factors and shifts of norms, slopes, tables.
  std::int64_t num_params() const;
};

/// Taps of all windows that are on the input, along one dimension; the input starts `pad` after the
/// corner of the first window. O(kernel).
std::int64_t taps_on_input(std::int64_t num_outputs, std::int64_t input, std::int64_t kernel,
                           std::int64_t stride, std::int64_t dilation, std::int64_t pad);

}  // namespace tilewake
