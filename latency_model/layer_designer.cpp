// SPDX-License-Identifier: Apache-2.0
#include "latency_model/layer_designer.hpp"

#include <cmath>
#include <initializer_list>
#include <utility>

#include "simulator/common/math.hpp"
#include "simulator/network/block_expansion.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kMaxSize = 320;  // side of a feature map
constexpr std::int64_t kMaxMapFactor =
    4;  // maximum size of a map, as a multiple of the feature buffer

}  // namespace

LayerDesigner::LayerDesigner(const MachineScale& scale, std::uint64_t seed, int index)
    : dice_(seed, static_cast<std::uint64_t>(index)),
      scale_(scale),
      name_(fmt::format("designed-{}-{}", seed, index)) {}

void LayerDesigner::start_map(std::int64_t size, std::int64_t channels, int strided_percent) {
  Shape map{channels, size, size};
  if (dice_.chance(12)) map.width = dice_.spread(1, kMaxSize);
  map.channels = std::min(map.channels, most_channels(map.height * map.width));
  if (dice_.chance(20)) return input(map);
  const std::int64_t stride = dice_.chance(strided_percent) ? 2 : 1;
  input({3, stride * map.height, stride * map.width});
  conv(map.channels, dice_.pick({1, 3, 3, 5, 7, 7}), stride);
}

void LayerDesigner::start(std::int64_t low, std::int64_t high, int strided_percent) {
  const std::int64_t size = map_size();
  std::int64_t channels = dice_.spread(low, high);
  if (dice_.chance(33)) {
    const auto buffer = static_cast<double>(scale_.feature_entries);
    const auto bytes = static_cast<std::int64_t>(dice_.spread_real(buffer / 64, 2 * buffer));
    channels = std::clamp<std::int64_t>(bytes / (size * size), 1, 768);
  }
  start_map(size, likely(channels), strided_percent);
}

std::int64_t LayerDesigner::map_size() {
  if (dice_.chance(50)) return dice_.spread(1, kMaxSize);
  return ceil_div(dice_.between(96, kMaxSize), std::int64_t{1} << dice_.between(0, 5));
}

std::int64_t LayerDesigner::likely(std::int64_t value) {
  const std::int64_t unit = dice_.pick<std::int64_t>(
      {1, 8, 8, 8, scale_.output_lanes, scale_.output_lanes, scale_.reduction_lanes});
  return std::max<std::int64_t>(1, value < unit ? value : value / unit * unit);
}

std::int64_t LayerDesigner::most_channels(std::int64_t num_pixels) const {
  return std::clamp<std::int64_t>(kMaxMapFactor * scale_.feature_entries / num_pixels, 1,
                                  kMaxChannels);
}

std::int64_t LayerDesigner::log_channels(std::int64_t low, std::int64_t high) {
  return likely(dice_.spread(low, high));
}

std::int64_t LayerDesigner::grown_channels() {
  const std::int64_t channels = current().channels;
  return likely(std::min(dice_.spread(channels, 2 * channels + 1), kMaxChannels));
}

std::int64_t LayerDesigner::kernel_for(std::int64_t kernel, std::int64_t in_channels) {
  const std::int64_t padded = round_up(in_channels, scale_.output_lanes);
  if (dice_.chance(2)) return kernel;
  while (kernel > 1 && kernel * kernel * padded > scale_.filter_entries)
    kernel -= kernel > 2 ? 2 : 1;
  return kernel;
}

Layer LayerDesigner::layer_of(Op op, std::vector<int> inputs) {
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

PaddingRule LayerDesigner::any_padding() {
  return dice_.chance(88) ? PaddingRule::same() : PaddingRule::valid();
}

void LayerDesigner::add(Layer layer, PaddingRule padding) {
  const Shape& shape = builder_->shape_of(layer.inputs[0]);
  const std::int64_t rows = layer.dilation.height * (layer.kernel_height - 1) + 1;
  const std::int64_t columns = layer.dilation.width * (layer.kernel_width - 1) + 1;
  if (rows > shape.height || columns > shape.width) padding = PaddingRule::same();
  last_ = builder_->add(std::move(layer), padding);
}

Layer LayerDesigner::conv_layer(std::int64_t channels, std::int64_t kernel, std::int64_t stride) {
  Layer layer = layer_of(Op::kConv2d, {last_});
  layer.kernel_height = layer.kernel_width = kernel_for(kernel, current().channels);
  layer.stride = stride;
  const std::int64_t pixels =
      ceil_div(current().height, stride) * ceil_div(current().width, stride);
  layer.ofm.channels = std::min(channels, most_channels(pixels));
  return layer;
}

void LayerDesigner::conv(std::int64_t channels, std::int64_t kernel, std::int64_t stride) {
  add(conv_layer(channels, kernel, stride), any_padding());
}

void LayerDesigner::depthwise(std::int64_t kernel, std::int64_t stride) {
  Layer layer = layer_of(Op::kDepthwiseConv2d, {last_});
  layer.kernel_height = layer.kernel_width = kernel;
  layer.stride = stride;
  add(std::move(layer), any_padding());
}

Layer LayerDesigner::pool_layer(Op op, std::int64_t kernel, std::int64_t stride) {
  Layer layer = layer_of(op, {last_});
  layer.kernel_height = layer.kernel_width = std::min(kernel, side());
  layer.stride = stride;
  return layer;
}

void LayerDesigner::pool(Op op, std::int64_t kernel, std::int64_t stride) {
  add(pool_layer(op, kernel, stride), any_padding());
}

void LayerDesigner::fully_connected(std::int64_t outputs) {
  // Some machines can only stream a whole map that is reduced to one output.
  if (current().num_elements() > scale_.filter_entries && !dice_.chance(5)) global_pool();
  Layer layer = layer_of(Op::kFullyConnected, {last_});
  layer.ofm.channels = outputs;
  add(std::move(layer));
}

void LayerDesigner::grouped() {
  Layer layer = conv_layer(1, dice_.pick({1, 3, 3, 5}), dice_.pick({1, 1, 1, 2}));
  std::int64_t groups = dice_.pick({2, 2, 4, 8, 16, 32});
  while (current().channels % groups != 0) groups /= 2;
  layer.groups = groups;
  layer.ofm.channels = std::min(groups * dice_.between(1, 24), kMaxChannels / 32 * 32);
  add(std::move(layer));
}

void LayerDesigner::dilated() {
  const bool is_depthwise = dice_.chance(30);
  Layer layer = is_depthwise ? layer_of(Op::kDepthwiseConv2d, {last_})
                             : conv_layer(log_channels(8, 256), 3, 1);
  layer.kernel_height = layer.kernel_width = kernel_for(dice_.pick({3, 3, 5}), current().channels);
  layer.dilation = dice_.pick({2, 2, 3, 4, 6});
  add(std::move(layer));
}

void LayerDesigner::flat_conv(std::int64_t channels) {
  Layer layer = conv_layer(channels, 1, 1);
  const std::int64_t kernel = kernel_for(dice_.pick({3, 5, 7}), current().channels);
  (dice_.chance(50) ? layer.kernel_height : layer.kernel_width) = kernel;
  add(std::move(layer));
}

void LayerDesigner::any_step() {
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

void LayerDesigner::block(bool is_convblock, bool se, std::int64_t channels, std::int64_t stride) {
  Block block;
  block.kind = is_convblock ? BlockKind::kConvblock : BlockKind::kMbconv;
  block.name = part_name("block");
  block.stride = stride;
  block.out_channels = channels;
  block.skip = dice_.chance(85);
  block.activation = dice_.pick({Activation::kRelu, Activation::kRelu6, Activation::kHswish});
  const std::int64_t num_branches = is_convblock ? 1 : dice_.pick({1, 1, 1, 2, 2, 3});
  // All branches together stay within the maximum size of a map.
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

void LayerDesigner::any_block(bool is_convblock, bool se) {
  const bool keeps = dice_.chance(55);
  const std::int64_t stride = !keeps && side() > 2 && dice_.chance(60) ? 2 : 1;
  block(is_convblock, se, keeps ? current().channels : grown_channels(), stride);
}

void LayerDesigner::residual(bool bottleneck) {
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

void LayerDesigner::join_with_shortcut(int source, std::int64_t stride) {
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

void LayerDesigner::fire() {
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

void LayerDesigner::inception() {
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

void LayerDesigner::inception_branch() {
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

void LayerDesigner::gate() {
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

void LayerDesigner::norm() {
  const std::int64_t channels = current().channels;
  Layer layer =
      layer_of(dice_.pick({Op::kLayerNorm, Op::kGroupNorm, Op::kGroupNorm, Op::kSoftmax, Op::kLrn}),
               {last_});
  if (layer.op == Op::kLrn) layer.extent = 5;
  if (layer.op == Op::kGroupNorm || layer.op == Op::kSoftmax) {
    layer.groups = dice_.pick<std::int64_t>({1, 8, 32, channels});
    while (channels % layer.groups != 0) layer.groups /= 2;
  }
  add(std::move(layer));
}

void LayerDesigner::unequal_strides() {
  const bool is_depthwise = dice_.chance(40);
  Layer layer = is_depthwise ? layer_of(Op::kDepthwiseConv2d, {last_})
                             : conv_layer(log_channels(8, 384), 3, 1);
  layer.kernel_height = layer.kernel_width = kernel_for(3, current().channels);
  (dice_.chance(70) ? layer.stride.height : layer.stride.width) = 2;
  add(std::move(layer));
}

void LayerDesigner::move_or_reduce() {
  const Shape map = current();
  const bool is_even = map.height % 2 == 0 && map.width % 2 == 0;
  switch (dice_.between(0, 6)) {
    case 0: {
      Layer layer = layer_of(Op::kPad, {last_});
      const std::int64_t side = dice_.between(1, 3);
      return add(std::move(layer), PaddingRule::explicit_zeros({side, side, side, side}));
    }
    case 1: {
      Layer layer = layer_of(Op::kSlice, {last_});
      layer.ofm = {map.channels, ceil_div<std::int64_t>(map.height, 2), map.width};
      if (dice_.chance(50)) layer.stride.height = 2;
      return add(std::move(layer));
    }
    case 2: {
      Layer layer = layer_of(is_even ? Op::kSpaceToDepth : Op::kDepthToSpace, {last_});
      layer.extent = is_even || map.channels % 4 == 0 ? 2 : 1;
      add(std::move(layer));
      return conv(map.channels, 1, 1);
    }
    case 3: {
      Layer layer = layer_of(Op::kTranspose, {last_});
      layer.ofm = {map.channels, map.width, map.height};
      layer.view = {map.channels, map.height, map.width};
      layer.order = {0, 2, 1};
      return add(std::move(layer));
    }
    case 4: {
      Layer layer = layer_of(Op::kResize, {last_});
      layer.ofm = {0, dice_.spread(1, 2 * map.height), dice_.spread(1, 2 * map.width)};
      layer.kernel_height = layer.kernel_width = dice_.pick({1, 2, 2, 4});
      return add(std::move(layer));
    }
    default: {  // a map minus or times what it is reduced to
      const int source = last_;
      if (source == kNetworkInput) return conv(map.channels, 1, 1);
      Layer layer = layer_of(Op::kReduce, {source});
      layer.ofm = map;
      (dice_.chance(50) ? layer.ofm.channels : layer.ofm.width) = 1;
      add(std::move(layer));
      return add(layer_of(dice_.pick({Op::kSub, Op::kDiv, Op::kMul}), {source, last_}));
    }
  }
}

void LayerDesigner::u_net(std::int64_t depth) {
  std::vector<int> skips;
  for (std::int64_t i = 0; i < depth && side() > 1; ++i) {
    conv(grown_channels(), 3, 1);
    skips.push_back(last_);
    if (dice_.chance(60))
      pool(Op::kMaxPool, 2, 2);
    else
      add(conv_layer(grown_channels(), 3, 2));
  }
  conv(grown_channels(), 3, 1);
  for (; !skips.empty(); skips.pop_back()) {
    const Shape skip = builder_->shape_of(skips.back());
    const bool doubles = 2 * current().height == skip.height && 2 * current().width == skip.width;
    if (doubles && dice_.chance(60)) {
      Layer layer = layer_of(Op::kConvTranspose2d, {last_});
      layer.kernel_height = layer.kernel_width = dice_.pick({2, 2, 4, 3});
      layer.stride = 2;
      layer.ofm.channels = skip.channels;
      add(std::move(layer));
    } else {
      Layer layer = layer_of(Op::kResize, {last_});
      layer.ofm = {0, skip.height, skip.width};
      layer.kernel_height = layer.kernel_width = dice_.pick({1, 2, 2});
      add(std::move(layer));
    }
    concat({skips.back(), last_});
    conv(skip.channels, 3, 1);
  }
}

void LayerDesigner::attention() {
  const int source = last_;
  const std::int64_t channels = current().channels;
  std::int64_t heads = dice_.pick<std::int64_t>({1, 2, 3, 4, 6, 8, 12});
  while (channels % heads != 0) --heads;
  const auto project = [&](std::int64_t outputs) {
    Layer layer = layer_of(Op::kConv2d, {last_});
    layer.ofm.channels = outputs;
    add(std::move(layer));
  };
  add(layer_of(Op::kLayerNorm, {source}));
  const int normed = last_;
  std::vector<int> qkv;
  for (int i = 0; i < 3; ++i) {
    last_ = normed;
    project(channels);
    qkv.push_back(last_);
  }
  Layer scores = layer_of(Op::kMatmul, {qkv[0], qkv[1]});
  scores.groups = heads;
  scores.transposed = true;
  add(std::move(scores));
  Layer softmax = layer_of(Op::kSoftmax, {last_});
  softmax.groups = heads;
  add(std::move(softmax));
  Layer mixed = layer_of(Op::kMatmul, {last_, qkv[2]});
  mixed.groups = heads;
  add(std::move(mixed));
  project(channels);
  add(layer_of(Op::kAdd, {source, last_}));
  const int sum = last_;
  add(layer_of(Op::kLayerNorm, {sum}));
  project(dice_.pick<std::int64_t>({2, 4, 4}) * channels);
  project(channels);
  add(layer_of(Op::kAdd, {sum, last_}));
}

void LayerDesigner::head() {
  global_pool();
  if (dice_.chance(30)) conv(log_channels(64, 1536), 1, 1);
  if (dice_.chance(80)) fully_connected(log_channels(2, 1536));
  if (dice_.chance(15)) fully_connected(log_channels(2, 1536));
}

void LayerDesigner::random_end(int head_percent) {
  if (!dice_.chance(head_percent)) return;
  if (dice_.chance(60)) conv(log_channels(32, 1280), 1, 1);
  head();
}
}  // namespace tilewake
