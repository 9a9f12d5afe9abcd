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
  kChannelSplit,  // a range of channels, copied
  kChannelShuffle
};

enum class Activation { kNone, kRelu, kRelu6, kHswish, kSwish, kSigmoid, kHsigmoid, kLeakyRelu };

/// The name in network files and traces ("conv2d", "relu6", ...).
std::string_view to_string(Op op);
std::string_view to_string(Activation activation);

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

/// `Layer::inputs` entry of the network's input feature map.
inline constexpr int kNetworkInput = -1;

/// One node of a network, with all shapes resolved.
///
/// Window fields (kernel, stride, padding, dilation) are valid for conv2d, depthwise_conv2d,
/// max_pool and avg_pool; for other ops they are 1, 1, 0, 1. `padding` contains only zeros that
/// windows read. At the far end it can be negative: the number of input columns or rows that no
/// window reads.
struct Layer {
  std::string name;
  std::string block;  // the block entry that it was expanded from, otherwise empty
  Op op = Op::kConv2d;
  Activation activation = Activation::kNone;
  std::vector<int> inputs;  // layer indices, all smaller than this layer's, or kNetworkInput
  Shape ifm;                // shape of the first input; for add and mul of the larger operand
  Shape ofm;
  std::int64_t kernel_height = 1;
  std::int64_t kernel_width = 1;
  std::int64_t stride = 1;
  std::int64_t dilation = 1;
  /// conv2d (depthwise_conv2d is a separate op) and channel_shuffle: with n channels per group, ofm
  /// channel j * groups + i is ifm channel i * n + j.
  std::int64_t groups = 1;
  /// channel_split only: its ofm is channels first_channel .. first_channel + ofm.channels - 1.
  std::int64_t first_channel = 0;
  Padding padding;
  bool bias = true;  // conv2d, depthwise_conv2d, fully_connected

  bool has_weights() const {
    return op == Op::kConv2d || op == Op::kDepthwiseConv2d || op == Op::kFullyConnected;
  }
  bool is_elementwise() const { return op == Op::kAdd || op == Op::kMul; }
  /// Selects or reorders channels: a copy without computation and activation.
  bool moves_channels() const { return op == Op::kChannelSplit || op == Op::kChannelShuffle; }

  /// Multiply-accumulates of convolutions and fully connected layers over the whole window (padding
  /// taps included, as publications count them); 0 for every other op.
  std::int64_t num_macs() const;
  /// MACs without the taps in the padding: the work of a machine that skips padding, and the base
  /// of utilization.
  std::int64_t num_effective_macs() const;
  /// Weights without bias, one byte each.
  std::int64_t weight_bytes() const;
  /// Weights and biases.
  std::int64_t num_params() const;
};

/// Taps of all windows that are on the input, along one dimension; the input starts `pad` after the
/// corner of the first window. O(kernel).
std::int64_t taps_on_input(std::int64_t num_outputs, std::int64_t input, std::int64_t kernel,
                           std::int64_t stride, std::int64_t dilation, std::int64_t pad);

}  // namespace tilewake
