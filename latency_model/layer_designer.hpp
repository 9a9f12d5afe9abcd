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

/// What a designed network is put together from: a chain with forks that join again, of one input
/// and one output. Every step appends to what is there, in sizes drawn around what a machine holds.
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

  /// A map of `size` x `size` (mostly), from an image or from nowhere.
  void start_map(std::int64_t size, std::int64_t channels, int strided_percent);

  /// A map with `low` to `high` channels; each third one takes some share of the feature buffer
  /// instead, or more than all of it.
  void start(std::int64_t low, std::int64_t high, int strided_percent);

  // Sizes.

  /// Half of them as CNNs have them, an image halved some times; the others anything.
  std::int64_t map_size();

  /// Near `value`, as channels are chosen: multiples of 8, of what the array computes at a time,
  /// or just anything.
  std::int64_t likely(std::int64_t value);
  std::int64_t most_channels(std::int64_t num_pixels) const;
  std::int64_t log_channels(std::int64_t low, std::int64_t high);
  std::int64_t grown_channels();

  /// The largest odd kernel up to `kernel` whose weights of one output channel fit on chip, in most
  /// cases; a few are left too large for machines that can stream them.
  std::int64_t kernel_for(std::int64_t kernel, std::int64_t in_channels);

  // Layers. Each reads `last_` and becomes it.

  Layer layer_of(Op op, std::vector<int> inputs);
  PaddingRule any_padding();

  /// `padding` if the window fits, else as much as is needed.
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

  // Parts of several layers.

  std::string part_name(const char* kind) { return fmt::format("{}{}", kind, num_parts_++); }
  void block(bool is_convblock, bool se, std::int64_t channels, std::int64_t stride);

  /// A block of a stage: mostly keeps the shape, else strides or widens.
  void any_block(bool is_convblock, bool se);
  void mbconv(bool se) { any_block(false, se); }
  void convblock() { any_block(true, false); }
  void residual(bool bottleneck);

  /// Adds `last_` and `source`, which is projected where the shapes differ.
  void join_with_shortcut(int source, std::int64_t stride);
  void concat(const std::vector<int>& branches) { add(layer_of(Op::kConcat, branches)); }
  void fire();
  void inception();
  void inception_branch();

  /// Squeeze-and-excitation of whatever is there.
  void gate();

  /// From a map to classes.
  void head();
  void end_anyhow(int head_percent);

  Rng dice_;

 private:
  MachineScale scale_;
  std::string name_;
  std::optional<NetworkBuilder> builder_;
  int last_ = kNetworkInput;
  int num_parts_ = 0;
};

}  // namespace tilewake
