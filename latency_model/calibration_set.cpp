// SPDX-License-Identifier: Apache-2.0
#include "latency_model/calibration_set.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "simulator/common/math.hpp"
#include "simulator/network/block_expansion.hpp"
#include "simulator/network/network_builder.hpp"

namespace tilewake {
namespace {

/// Seeded choices, the same with every standard library (its distributions are not).
class Dice {
 public:
  Dice(std::uint64_t seed, std::uint64_t index) {
    // Neighbouring seeds and indices must not give alike streams, which seed_seq sees to.
    std::seed_seq words{seed, seed >> 32, index};
    engine_.seed(words);
  }

  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool chance(int percent) { return between(0, 99) < percent; }
  /// Log-uniform: as often between 1 and 2 as between 100 and 200.
  double spread_real(double low, double high) {
    const double share = static_cast<double>(engine_() >> 11) * 0x1p-53;
    return low * std::pow(high / low, share);
  }
  std::int64_t spread(std::int64_t low, std::int64_t high) {
    if (high <= low) return low;
    const double value = spread_real(static_cast<double>(low), static_cast<double>(high + 1));
    return std::clamp(static_cast<std::int64_t>(value), low, high);
  }
  template <typename T>
  T pick(std::initializer_list<T> values) {
    return values.begin()[between(0, static_cast<std::int64_t>(values.size()) - 1)];
  }

 private:
  std::mt19937_64 engine_;
};

constexpr std::int64_t kMaxSize = 320;  // of a feature map's side
constexpr std::int64_t kMaxChannels = 2048;
constexpr std::int64_t kMaxMapFactor = 4;  // times the feature buffer, what a map may take

/// Designs one network. It is a chain with forks that join again: one input, one output.
class Designer {
 public:
  Designer(const MachineScale& scale, std::uint64_t seed, int index)
      : scale_(scale),
        dice_(seed, static_cast<std::uint64_t>(index)),
        name_(fmt::format("designed-{}-{}", seed, index)) {}

  // Families. Each begins with `start_*` and appends layers.

  /// Any ops in any order.
  void operators() {
    start(4, 512, 20);
    for (std::int64_t i = dice_.between(4, 12); i > 0; --i) any_step();
    end_anyhow(20);
  }

  /// A stem that computes the input of one block, as block latencies are measured.
  void single_block() {
    start(8, 512, 0);
    if (dice_.chance(25)) {
      convblock();
    } else {
      mbconv(dice_.chance(15));
    }
    if (dice_.chance(20)) mbconv(false);
  }

  /// MobileNet, EfficientNet and S3NAS stages.
  void mbconv_stages() {
    start(8, 192, 40);
    const bool se = dice_.chance(40);
    for (std::int64_t i = dice_.between(2, 7); i > 0; --i) mbconv(se);
    end_anyhow(30);
  }

  void convblock_stages() {
    start(8, 192, 40);
    for (std::int64_t i = dice_.between(2, 5); i > 0; --i) convblock();
    end_anyhow(20);
  }

  /// ResNet: basic or bottleneck blocks.
  void residuals() {
    start(16, 512, 30);
    if (dice_.chance(30)) pool(Op::kMaxPool, 3, 2);
    const bool bottleneck = dice_.chance(60);
    for (std::int64_t i = dice_.between(2, 5); i > 0; --i) residual(bottleneck);
    end_anyhow(30);
  }

  /// Inception and Fire modules.
  void forks() {
    start(16, 512, 30);
    for (std::int64_t i = dice_.between(1, 4); i > 0; --i) {
      if (dice_.chance(35)) {
        fire();
      } else {
        inception();
      }
      if (dice_.chance(25)) pool(Op::kMaxPool, 3, 2);
    }
    end_anyhow(30);
  }

  /// VGG: convolutions and pools, nothing else.
  void plain() {
    start(8, 256, 20);
    const std::int64_t kernel = dice_.pick({3, 3, 3, 5, 1});
    for (std::int64_t i = dice_.between(3, 9); i > 0; --i) {
      if (dice_.chance(25) && side() > 3) {
        pool(dice_.chance(70) ? Op::kMaxPool : Op::kAvgPool, dice_.pick({2, 3}), 2);
        conv(grown_channels(), kernel, 1);
      } else {
        conv(dice_.chance(60) ? current().channels : log_channels(8, 768), kernel, 1);
      }
    }
    if (dice_.chance(40)) fully_connected(log_channels(10, 1024));
    if (dice_.chance(20)) fully_connected(log_channels(10, 1024));
  }

  /// The end of a classifier, behind a small map with many channels.
  void classifier() {
    start_map(dice_.between(1, 14), log_channels(64, 640), 0);
    if (dice_.chance(50)) depthwise(dice_.pick({3, 5}), 1);
    conv(log_channels(128, kMaxChannels), 1, 1);
    head();
  }

  /// First layers of images: one to four channels, every kernel and stride.
  void stems() {
    const std::int64_t height = dice_.chance(30) ? dice_.between(8, 64) : dice_.between(64, 352);
    const std::int64_t width = dice_.chance(80) ? height : dice_.between(8, 320);
    input({dice_.pick({1, 2, 3, 3, 3, 3, 3, 4}), height, width});
    const std::int64_t kernel = dice_.pick({1, 2, 3, 3, 3, 4, 5, 5, 7, 7, 9, 11});
    conv(log_channels(4, 160), kernel, dice_.pick({1, 2, 2, 2, 3, 4}));
    const std::int64_t next = dice_.between(0, 3);
    if (next == 0) pool(Op::kMaxPool, dice_.pick({2, 3}), 2);
    if (next == 1) depthwise(dice_.pick({3, 5}), dice_.pick({1, 2}));
    if (next == 2) conv(log_channels(8, 128), dice_.pick({1, 3}), dice_.pick({1, 2}));
    if (next != 3 && dice_.chance(50)) conv(log_channels(8, 128), 1, 1);
  }

  /// ResNeXt and atrous chains.
  void grouped_and_dilated() {
    start_map(map_size(), 8 * dice_.spread(2, 24), 20);
    for (std::int64_t i = dice_.between(2, 7); i > 0; --i) {
      const std::int64_t step = dice_.between(0, 3);
      if (step <= 1) grouped();
      if (step == 2) dilated();
      if (step == 3) conv(dice_.spread(2, 48) * 8, 1, 1);
    }
    end_anyhow(20);
  }

  /// From an image to its classes.
  void whole() {
    const std::int64_t side = dice_.between(12, 40) * 8;
    input({3, side, side});
    conv(8 * dice_.between(1, 6), dice_.pick({3, 3, 5, 7}), 2);
    const bool se = dice_.chance(30);
    const bool convolutional = dice_.chance(25);
    std::int64_t channels = current().channels;
    for (std::int64_t stage = dice_.between(3, 5); stage > 0; --stage) {
      channels = 8 * ceil_div(dice_.spread(9 * channels, 20 * channels), std::int64_t{80});
      const std::int64_t stride = dice_.chance(75) ? 2 : 1;
      for (std::int64_t i = dice_.between(1, 3), first = i; i > 0; --i) {
        const bool is_convblock = convolutional && dice_.chance(50);
        block(is_convblock, se && !is_convblock, channels, i == first ? stride : 1);
      }
    }
    conv(dice_.spread(256, kMaxChannels), 1, 1);
    head();
  }

  Network build() { return builder_->build(); }

 private:
  // The network so far.

  const Shape& current() const { return builder_->shape_of(last_); }
  std::int64_t side() const { return std::min(current().height, current().width); }

  void input(const Shape& shape) { builder_.emplace(name_, shape); }

  /// A map of `size` x `size` (mostly), from an image or from nowhere.
  void start_map(std::int64_t size, std::int64_t channels, int strided_percent) {
    Shape map{channels, size, size};
    if (dice_.chance(12)) map.width = dice_.spread(1, kMaxSize);
    map.channels = std::min(map.channels, most_channels(map.height * map.width));
    if (dice_.chance(20)) return input(map);
    const std::int64_t stride = dice_.chance(strided_percent) ? 2 : 1;
    input({3, stride * map.height, stride * map.width});
    conv(map.channels, dice_.pick({1, 3, 3, 5, 7, 7}), stride);
  }

  /// A map with `low` to `high` channels; each third one takes some share of the feature buffer
  /// instead, or more than all of it.
  void start(std::int64_t low, std::int64_t high, int strided_percent) {
    const std::int64_t size = map_size();
    std::int64_t channels = dice_.spread(low, high);
    if (dice_.chance(33)) {
      const auto buffer = static_cast<double>(scale_.feature_buffer_bytes);
      const auto bytes = static_cast<std::int64_t>(dice_.spread_real(buffer / 64, 2 * buffer));
      channels = std::clamp<std::int64_t>(bytes / (size * size), 1, 768);
    }
    start_map(size, likely(channels), strided_percent);
  }

  // Sizes.

  /// Half of them as CNNs have them, an image halved some times; the others anything.
  std::int64_t map_size() {
    if (dice_.chance(50)) return dice_.spread(1, kMaxSize);
    return ceil_div(dice_.between(96, kMaxSize), std::int64_t{1} << dice_.between(0, 5));
  }

  /// Near `value`, as channels are chosen: multiples of 8, of what the array computes at a time,
  /// or just anything.
  std::int64_t likely(std::int64_t value) {
    const std::int64_t unit = dice_.pick<std::int64_t>(
        {1, 8, 8, 8, scale_.output_lanes, scale_.output_lanes, scale_.reduction_lanes});
    return std::max<std::int64_t>(1, value < unit ? value : value / unit * unit);
  }

  std::int64_t most_channels(std::int64_t num_pixels) const {
    return std::clamp<std::int64_t>(kMaxMapFactor * scale_.feature_buffer_bytes / num_pixels, 1,
                                    kMaxChannels);
  }

  std::int64_t log_channels(std::int64_t low, std::int64_t high) {
    return likely(dice_.spread(low, high));
  }

  std::int64_t grown_channels() {
    const std::int64_t channels = current().channels;
    return likely(std::min(dice_.spread(channels, 2 * channels + 1), kMaxChannels));
  }

  /// The largest odd kernel up to `kernel` whose weights of one output channel fit on chip, in most
  /// cases; a few are left too large for machines that can stream them.
  std::int64_t kernel_for(std::int64_t kernel, std::int64_t in_channels) {
    const std::int64_t padded = round_up(in_channels, scale_.output_lanes);
    if (dice_.chance(2)) return kernel;
    while (kernel > 1 && kernel * kernel * padded > scale_.filter_bytes)
      kernel -= kernel > 2 ? 2 : 1;
    return kernel;
  }

  // Layers. Each reads `last_` and becomes it.

  Layer layer_of(Op op, std::vector<int> inputs) {
    Layer layer;
    layer.name = fmt::format("{}{}", to_string(op), num_parts_++);
    layer.op = op;
    layer.inputs = std::move(inputs);
    if (layer.has_weights()) {
      layer.activation = dice_.pick({Activation::kRelu, Activation::kRelu6, Activation::kHswish,
                                     Activation::kSwish, Activation::kNone});
      layer.bias = dice_.chance(95);
    }
    return layer;
  }

  PaddingRule any_padding() {
    return dice_.chance(88) ? PaddingRule::same() : PaddingRule::valid();
  }

  /// `padding` if the window fits, else as much as is needed.
  void add(Layer layer, PaddingRule padding = PaddingRule::same()) {
    const Shape& shape = builder_->shape_of(layer.inputs[0]);
    const std::int64_t rows = layer.dilation * (layer.kernel_height - 1) + 1;
    const std::int64_t columns = layer.dilation * (layer.kernel_width - 1) + 1;
    if (rows > shape.height || columns > shape.width) padding = PaddingRule::same();
    last_ = builder_->add(std::move(layer), padding);
  }

  Layer conv_layer(std::int64_t channels, std::int64_t kernel, std::int64_t stride) {
    Layer layer = layer_of(Op::kConv2d, {last_});
    layer.kernel_height = layer.kernel_width = kernel_for(kernel, current().channels);
    layer.stride = stride;
    const std::int64_t pixels =
        ceil_div(current().height, stride) * ceil_div(current().width, stride);
    layer.ofm.channels = std::min(channels, most_channels(pixels));
    return layer;
  }

  void conv(std::int64_t channels, std::int64_t kernel, std::int64_t stride) {
    add(conv_layer(channels, kernel, stride), any_padding());
  }

  void depthwise(std::int64_t kernel, std::int64_t stride) {
    Layer layer = layer_of(Op::kDepthwiseConv2d, {last_});
    layer.kernel_height = layer.kernel_width = kernel;
    layer.stride = stride;
    add(std::move(layer), any_padding());
  }

  Layer pool_layer(Op op, std::int64_t kernel, std::int64_t stride) {
    Layer layer = layer_of(op, {last_});
    layer.kernel_height = layer.kernel_width = std::min(kernel, side());
    layer.stride = stride;
    return layer;
  }

  void pool(Op op, std::int64_t kernel, std::int64_t stride) {
    add(pool_layer(op, kernel, stride), any_padding());
  }

  void fully_connected(std::int64_t outputs) {
    // Some machines can only stream what a whole map feeds into one output.
    if (current().num_elements() > scale_.filter_bytes && !dice_.chance(5)) global_pool();
    Layer layer = layer_of(Op::kFullyConnected, {last_});
    layer.ofm.channels = outputs;
    add(std::move(layer));
  }

  void global_pool() { add(layer_of(Op::kGlobalAvgPool, {last_})); }

  void grouped() {
    Layer layer = conv_layer(1, dice_.pick({1, 3, 3, 5}), dice_.pick({1, 1, 1, 2}));
    std::int64_t groups = dice_.pick({2, 2, 4, 8, 16, 32});
    while (current().channels % groups != 0) groups /= 2;
    layer.groups = groups;
    layer.ofm.channels = std::min(groups * dice_.between(1, 24), kMaxChannels / 32 * 32);
    add(std::move(layer));
  }

  void dilated() {
    const bool is_depthwise = dice_.chance(30);
    Layer layer = is_depthwise ? layer_of(Op::kDepthwiseConv2d, {last_})
                               : conv_layer(log_channels(8, 256), 3, 1);
    layer.kernel_height = layer.kernel_width =
        kernel_for(dice_.pick({3, 3, 5}), current().channels);
    layer.dilation = dice_.pick({2, 2, 3, 4, 6});
    add(std::move(layer));
  }

  /// 1 x n or n x 1.
  void flat_conv(std::int64_t channels) {
    Layer layer = conv_layer(channels, 1, 1);
    const std::int64_t kernel = kernel_for(dice_.pick({3, 5, 7}), current().channels);
    (dice_.chance(50) ? layer.kernel_height : layer.kernel_width) = kernel;
    add(std::move(layer));
  }

  void any_step() {
    switch (dice_.between(0, 15)) {
      case 0:
      case 1:
      case 2:
        return conv(log_channels(4, 768), 1, dice_.chance(10) ? 2 : 1);
      case 3:
      case 4:
        return conv(log_channels(4, 384), dice_.pick({2, 3, 3, 3, 5, 7}), dice_.pick({1, 1, 2}));
      case 5:
        return flat_conv(log_channels(8, 256));
      case 6:
      case 7:
      case 8:
        return depthwise(dice_.pick({2, 3, 3, 5, 5, 7, 9}), dice_.pick({1, 1, 1, 2, 2, 3}));
      case 9:
        return pool(Op::kMaxPool, dice_.pick({2, 3, 3, 5}), dice_.pick({1, 2, 2}));
      case 10:
        return pool(Op::kAvgPool, dice_.pick({2, 3, 3, 5}), dice_.pick({1, 2, 2}));
      case 11:
        return grouped();
      case 12:
        return dilated();
      case 13:
        return residual(dice_.chance(50));
      case 14:
        return inception();
      default:
        return gate();
    }
  }

  // Parts of several layers.

  std::string part_name(const char* kind) { return fmt::format("{}{}", kind, num_parts_++); }

  void block(bool is_convblock, bool se, std::int64_t channels, std::int64_t stride) {
    Block block;
    block.kind = is_convblock ? BlockKind::kConvblock : BlockKind::kMbconv;
    block.name = part_name("block");
    block.stride = stride;
    block.out_channels = channels;
    block.skip = dice_.chance(85);
    block.activation = dice_.pick({Activation::kRelu, Activation::kRelu6, Activation::kHswish});
    const std::int64_t num_branches = is_convblock ? 1 : dice_.pick({1, 1, 1, 2, 2, 3});
    // All branches together stay within what a map may take.
    const std::int64_t most = std::max<std::int64_t>(
        1, most_channels(current().height * current().width) / current().channels / num_branches);
    for (std::int64_t i = 0; i < num_branches; ++i) {
      const std::int64_t kernel =
          num_branches > 1 && dice_.chance(60) ? 3 + 2 * i : dice_.pick({3, 3, 3, 5, 5, 7});
      block.kernels.push_back(is_convblock ? kernel_for(kernel, current().channels) : kernel);
      block.expansion_ratios.push_back(
          std::min<std::int64_t>(most, num_branches == 1 ? dice_.pick({1, 2, 3, 4, 4, 5, 6, 6, 8})
                                                         : dice_.pick({1, 2, 2, 3, 4, 4, 6})));
    }
    if (se) block.se_ratio = dice_.pick({0.0625, 0.125, 0.25, 0.25, 0.5, 1.0});
    last_ = expand_block(*builder_, block, last_);
  }

  /// A block of a stage: mostly keeps the shape, else strides or widens.
  void any_block(bool is_convblock, bool se) {
    const bool keeps = dice_.chance(55);
    const std::int64_t stride = !keeps && side() > 2 && dice_.chance(60) ? 2 : 1;
    block(is_convblock, se, keeps ? current().channels : grown_channels(), stride);
  }
  void mbconv(bool se) { any_block(false, se); }
  void convblock() { any_block(true, false); }

  void residual(bool bottleneck) {
    const int source = last_;
    const std::int64_t in_channels = current().channels;
    const bool keeps = dice_.chance(60);
    const std::int64_t stride = !keeps && side() > 2 && dice_.chance(60) ? 2 : 1;
    std::int64_t channels = keeps ? in_channels : grown_channels();
    const std::int64_t size = current().height * current().width;
    channels = std::min(channels, most_channels(ceil_div(size, stride * stride)));
    if (bottleneck) {
      add(conv_layer(likely(ceil_div(channels, dice_.pick<std::int64_t>({2, 4, 4}))), 1, 1));
      add(conv_layer(current().channels, 3, stride));
      add(conv_layer(channels, 1, 1));
    } else {
      add(conv_layer(channels, 3, stride));
      add(conv_layer(channels, 3, 1));
    }
    join_with_shortcut(source, stride);
  }

  /// Adds `last_` and `source`, which is projected where the shapes differ.
  void join_with_shortcut(int source, std::int64_t stride) {
    const int branch = last_;
    if (builder_->shape_of(source) != current()) {
      const std::int64_t channels = current().channels;
      last_ = source;
      add(conv_layer(channels, 1, stride));
    } else {
      last_ = source;
    }
    std::vector<int> operands = {branch, last_};
    if (dice_.chance(30)) std::swap(operands[0], operands[1]);
    add(layer_of(Op::kAdd, operands));
  }

  void concat(const std::vector<int>& branches) { add(layer_of(Op::kConcat, branches)); }

  void fire() {
    add(conv_layer(log_channels(8, 96), 1, 1));
    const int squeezed = last_;
    const std::int64_t channels = log_channels(16, 256);
    std::vector<int> branches;
    for (const std::int64_t kernel : {1, 3}) {
      last_ = squeezed;
      add(conv_layer(channels, kernel, 1));
      branches.push_back(last_);
    }
    concat(branches);
  }

  void inception() {
    const int source = last_;
    if (source == kNetworkInput) return conv(log_channels(8, 64), 3, 1);
    std::vector<int> branches;
    const std::int64_t num_branches = dice_.between(2, 4);
    for (std::int64_t i = 0; i < num_branches; ++i) {
      last_ = source;
      inception_branch();
      branches.push_back(last_);
    }
    concat(branches);
  }

  void inception_branch() {
    const std::int64_t channels = log_channels(8, 192);
    switch (dice_.between(0, 3)) {
      case 0:
        break;
      case 1:
        add(pool_layer(dice_.pick({Op::kAvgPool, Op::kMaxPool}), 3, 1));
        break;
      case 2:
        add(conv_layer(log_channels(8, 128), 1, 1));
        flat_conv(channels);
        break;
      default:
        add(conv_layer(log_channels(8, 128), 1, 1));
        add(conv_layer(channels, dice_.pick({3, 3, 5}), 1));
    }
    add(conv_layer(channels, 1, 1));
  }

  /// Squeeze-and-excitation of whatever is there.
  void gate() {
    const int features = last_;
    const std::int64_t channels = current().channels;
    if (features == kNetworkInput) return conv(channels, 1, 1);
    global_pool();
    if (dice_.chance(80)) add(conv_layer(log_channels(1, channels), 1, 1));
    Layer expand = layer_of(Op::kConv2d, {last_});
    expand.ofm.channels = channels;
    add(std::move(expand));
    add(layer_of(Op::kMul, {features, last_}));
  }

  /// From a map to classes.
  void head() {
    global_pool();
    if (dice_.chance(30)) conv(log_channels(64, 1536), 1, 1);
    if (dice_.chance(80)) fully_connected(log_channels(2, 1536));
    if (dice_.chance(15)) fully_connected(log_channels(2, 1536));
  }

  void end_anyhow(int head_percent) {
    if (!dice_.chance(head_percent)) return;
    if (dice_.chance(60)) conv(log_channels(32, 1280), 1, 1);
    head();
  }

  MachineScale scale_;
  Dice dice_;
  std::string name_;
  std::optional<NetworkBuilder> builder_;
  int last_ = kNetworkInput;
  int num_parts_ = 0;
};

using Family = void (Designer::*)();

// To add a family: its function above and its share here. Mixed, so that the beginning of a set
// is like the whole.
constexpr Family kFamilies[] = {
    &Designer::operators,     &Designer::single_block, &Designer::mbconv_stages,
    &Designer::residuals,     &Designer::forks,        &Designer::plain,
    &Designer::operators,     &Designer::single_block, &Designer::stems,
    &Designer::mbconv_stages, &Designer::classifier,   &Designer::convblock_stages,
    &Designer::operators,     &Designer::single_block, &Designer::grouped_and_dilated,
    &Designer::mbconv_stages, &Designer::residuals,    &Designer::whole,
    &Designer::operators,     &Designer::single_block, &Designer::forks,
    &Designer::mbconv_stages, &Designer::plain,        &Designer::whole,
};

}  // namespace

CalibrationSet::CalibrationSet(const HardwareConfig& hardware, std::uint64_t seed, int size)
    : scale_(hardware.scale()), seed_(seed), size_(size) {
  assert(size >= 0);
}

Network CalibrationSet::network(int index) const {
  assert(index >= 0 && index < size_);
  Designer designer(scale_, seed_, index);
  const Family family = kFamilies[static_cast<std::size_t>(index) % std::size(kFamilies)];
  (designer.*family)();
  return designer.build();
}

}  // namespace tilewake
