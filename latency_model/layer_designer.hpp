// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "latency_model/calibration_set.hpp"
#include "latency_model/rng.hpp"
#include "simulator/network/network_builder.hpp"

namespace tilewake {

/// Builds a random network step by step: a chain with forks that join again, with one input and one
/// output. Every step appends layers, in sizes drawn around the capacities of a machine.
class LayerDesigner {
 public:
  LayerDesigner(const MachineScale& scale, std::uint64_t seed, int index);

  Network build() { return builder_->build(); }

 protected:
  static constexpr std::int64_t kMaxChannels = 2048;

  // The network so far.

  const Shape& current() const { return builder_->shape_of(last_); }
  std::int64_t side() const { return std::min(current().height, current().width); }
  void input(const Shape& shape) { builder_.emplace(name_, shape); }

  /// A map of `size` x `size` (mostly): computed from an image, or a network input.
  void start_map(std::int64_t size, std::int64_t channels, int strided_percent);

  /// A map with `low` to `high` channels. One in three has a random share of the feature buffer
  /// instead, which may exceed 1.
  void start(std::int64_t low, std::int64_t high, int strided_percent);

  // Sizes.

  /// Half of the sizes are those of CNNs (an image size halved repeatedly); the others are
  /// arbitrary.
  std::int64_t map_size();

  /// A number of channels near `value`: a multiple of 8, a multiple of what the array computes at a
  /// time, or arbitrary.
  std::int64_t likely(std::int64_t value);
  std::int64_t most_channels(std::int64_t num_pixels) const;
  std::int64_t log_channels(std::int64_t low, std::int64_t high);
  std::int64_t grown_channels();

  /// The largest odd kernel up to `kernel` whose weights of one output channel fit on chip. In a
  /// few cases it is left too large, for machines that can stream weights.
  std::int64_t kernel_for(std::int64_t kernel, std::int64_t in_channels);

  // Layers. Each reads `last_` and replaces it.

  Layer layer_of(Op op, std::vector<int> inputs);
  PaddingRule any_padding();

  /// Uses `padding` if the window fits, otherwise the padding that is needed.
  void add(Layer layer, PaddingRule padding = PaddingRule::same());
  Layer conv_layer(std::int64_t channels, std::int64_t kernel, std::int64_t stride);
  void conv(std::int64_t channels, std::int64_t kernel, std::int64_t stride);
  void depthwise(std::int64_t kernel, std::int64_t stride);
  Layer pool_layer(Op op, std::int64_t kernel, std::int64_t stride);
  void pool(Op op, std::int64_t kernel, std::int64_t stride);
  void fully_connected(std::int64_t outputs);
  void global_pool() { add(layer_of(Op::kGlobalAvgPool, {last_})); }
  void grouped();
  void dilated();

  /// 1 x n or n x 1.
  void flat_conv(std::int64_t channels);
  void any_step();

  // Blocks of several layers.

  std::string part_name(const char* kind) { return fmt::format("{}{}", kind, num_parts_++); }
  void block(bool is_convblock, bool se, std::int64_t channels, std::int64_t stride);

  /// A block of a stage: mostly keeps the shape, otherwise strides or widens.
  void any_block(bool is_convblock, bool se);
  void mbconv(bool se) { any_block(false, se); }
  void convblock() { any_block(true, false); }
  void residual(bool bottleneck);

  /// Adds `last_` and `source`; `source` is projected if the shapes differ.
  void join_with_shortcut(int source, std::int64_t stride);
  void concat(const std::vector<int>& branches) { add(layer_of(Op::kConcat, branches)); }
  void fire();
  void inception();
  void inception_branch();

  /// Squeeze-and-excitation of `last_`.
  void gate();

  // Blocks for machines that run all ops.

  /// A norm, softmax or activation of `last_`.
  void norm();

  /// A convolution whose strides differ, as of models that read text.
  void unequal_strides();

  /// Copies, resizes, reductions and element-wise ops with a repeated operand.
  void move_or_reduce();

  /// The down and up path of a U-Net with `depth` levels.
  void u_net(std::int64_t depth);

  /// A map as tokens: one column.
  void tokens(std::int64_t channels, std::int64_t rows) {
    input({std::min(channels, most_channels(rows)), rows, 1});
  }

  /// Attention and the convolutions after it, each added to its input.
  void attention();

  /// Classifier head: from a map to classes.
  void head();
  void random_end(int head_percent);

  Rng dice_;

 private:
  MachineScale scale_;
  std::string name_;
  std::optional<NetworkBuilder> builder_;
  int last_ = kNetworkInput;
  int num_parts_ = 0;
};

}  // namespace tilewake
