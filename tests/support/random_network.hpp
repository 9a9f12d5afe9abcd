// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "simulator/network/block_expansion.hpp"
#include "simulator/network/limits.hpp"
#include "simulator/network/network_builder.hpp"
#include "simulator/network/op_names.hpp"
#include "tests/support/random.hpp"

namespace tilewake {

/// Grows small networks that use every op: rectangular, dilated, strided and grouped windows, odd
/// paddings, blocks, joins and several outputs; channel_split and channel_shuffle only when asked
/// for, in other networks, and so the ops after them (except host). The same seed gives the same
/// network.
class RandomNetwork {
 public:
  enum class Channels { kStay, kMove, kMoveAndMore };

  explicit RandomNetwork(std::uint64_t seed, Channels channels = Channels::kStay)
      : channels_(channels),
        random_(seed),
        builder_(fmt::format("random{}", seed),
                 {random_.between(1, 16), random_.between(1, 40), random_.between(1, 40)}) {}

  Network make(int num_steps) {
    add_convolution();  // at least one layer that always fits
    for (int i = 0; i < num_steps; ++i) {
      try {
        add_anything();
      } catch (const LayerError&) {
        // A window that does not fit, a channel count that does not divide: draw again.
      }
    }
    return builder_.build();
  }

 private:
  void add_anything() {
    if (channels_ == Channels::kMoveAndMore && !random_.one_in(3)) return add_map_op();
    if (channels_ != Channels::kStay && random_.one_in(2)) {
      return random_.one_in(2) ? add_shuffle_unit() : add_channel_move();
    }
    switch (random_.below(8)) {
      case 0:
        return add_join();
      case 1:
        return add_block();
      case 2:
        return add_squeeze();
      case 3:
        return add_window(random_.one_in(2) ? Op::kMaxPool : Op::kAvgPool);
      case 4:
        return add_window(Op::kDepthwiseConv2d);
      case 5:
        return add_dense();
      default:
        return add_convolution();
    }
  }

  Layer layer_of(Op op, std::vector<int> inputs) {
    static const std::vector<Activation> kActivations = {
        Activation::kNone,  Activation::kRelu,    Activation::kRelu6,    Activation::kHswish,
        Activation::kSwish, Activation::kSigmoid, Activation::kHsigmoid, Activation::kLeakyRelu};
    static const std::vector<std::string> kForms = {"layer{}", "a/b:{}", "stage 1.{}", "{}", "_{}"};
    Layer layer;
    layer.name = fmt::format(fmt::runtime(random_.pick(kForms)), num_layers_++);
    if (random_.one_in(4)) layer.block = "null";
    layer.op = op;
    layer.activation = random_.pick(kActivations);
    if (channels_ == Channels::kMoveAndMore && random_.one_in(2))
      layer.activation = kActivationNames[random_.below(kActivationNames.size())].second;
    if (layer.moves_data() || layer.is_source()) layer.activation = Activation::kNone;
    layer.inputs = std::move(inputs);
    if (layer.has_weights() || layer.is_norm()) layer.bias = !random_.one_in(4);
    return layer;
  }

  /// Mostly a recent feature map, sometimes any.
  int any_input() {
    if (outputs_.empty() || random_.one_in(20)) return kNetworkInput;
    const std::size_t reach = random_.one_in(5) ? outputs_.size() : 1;
    return outputs_[outputs_.size() - 1 - random_.below(reach)];
  }

  void keep(int output) { outputs_.push_back(output); }

  void add_window(Op op) {
    Layer layer = layer_of(op, {any_input()});
    layer.kernel_height = random_.between(1, 7);
    layer.kernel_width = random_.one_in(2) ? layer.kernel_height : random_.between(1, 7);
    layer.stride = random_.between(1, 3);
    layer.dilation = random_.one_in(4) ? 2 : 1;
    layer.ofm.channels = random_.between(1, 12) * 4;
    if (op == Op::kConv2d) layer.groups = random_.pick(std::vector<std::int64_t>{1, 1, 1, 2, 4});
    PaddingRule padding = random_.one_in(3) ? PaddingRule::valid() : PaddingRule::same();
    if (random_.one_in(3)) {
      const std::int64_t rows = layer.dilation.height * (layer.kernel_height - 1);
      const std::int64_t columns = layer.dilation.width * (layer.kernel_width - 1);
      padding =
          PaddingRule::explicit_zeros({random_.between(0, rows), random_.between(0, columns),
                                       random_.between(0, rows), random_.between(0, columns)});
    }
    keep(builder_.add(std::move(layer), padding));
  }

  void add_convolution() {
    if (outputs_.empty()) {
      Layer stem = layer_of(Op::kConv2d, {kNetworkInput});
      stem.ofm.channels = 16;
      return keep(builder_.add(std::move(stem)));
    }
    add_window(Op::kConv2d);
  }

  void add_dense() {
    Layer layer = layer_of(Op::kFullyConnected, {any_input()});
    const Shape& map = builder_.shape_of(layer.inputs[0]);
    if (std::max(map.height, map.width) > kMaxKernel) return;  // in ONNX a window of the whole map
    layer.ofm.channels = random_.between(1, 64);
    builder_.add(std::move(layer));  // an output of the network; nothing follows a 1x1 map here
  }

  void add_join() {
    const int a = any_input();
    std::vector<int> partners;
    for (const int b : outputs_) {
      const Shape& shape = builder_.shape_of(b);
      if (b != a && shape.height == builder_.shape_of(a).height &&
          shape.width == builder_.shape_of(a).width) {
        partners.push_back(b);
      }
    }
    if (partners.empty()) return;
    const int b = random_.pick(partners);
    const bool equal = builder_.shape_of(a) == builder_.shape_of(b);
    const Op op = !equal || random_.one_in(3) ? Op::kConcat
                  : random_.one_in(4)         ? Op::kMul
                                              : Op::kAdd;
    keep(builder_.add(layer_of(op, {a, b})));
  }

  void add_squeeze() {
    const int features = any_input();
    const int pool = builder_.add(layer_of(Op::kGlobalAvgPool, {features}));
    Layer gate = layer_of(Op::kConv2d, {pool});
    gate.ofm.channels = builder_.shape_of(features).channels;
    const int scale = builder_.add(std::move(gate));
    std::vector<int> operands = {features, scale};
    if (random_.one_in(2)) std::swap(operands[0], operands[1]);
    keep(builder_.add(layer_of(Op::kMul, operands)));
  }

  Layer split_of(int input, std::int64_t first, std::int64_t count) {
    Layer layer = layer_of(Op::kChannelSplit, {input});
    layer.activation = Activation::kNone;
    layer.first_channel = first;
    layer.ofm.channels = count;
    return layer;
  }

  Layer shuffle_of(int input) {
    Layer layer = layer_of(Op::kChannelShuffle, {input});
    layer.activation = Activation::kNone;
    const std::int64_t channels = builder_.shape_of(input).channels;
    layer.groups = random_.pick(std::vector<std::int64_t>{2, 2, 3, 4, channels});
    return layer;
  }

  void add_channel_move() {
    const int input = any_input();
    if (random_.one_in(2)) return keep(builder_.add(shuffle_of(input)));
    const std::int64_t channels = builder_.shape_of(input).channels;
    const std::int64_t first = random_.between(0, channels - 1);
    keep(builder_.add(split_of(input, first, random_.between(1, channels - first))));
  }

  /// As in ShuffleNetV2: half of the channels pass, half are convolved, then all are shuffled.
  void add_shuffle_unit() {
    const int input = any_input();
    const std::int64_t channels = builder_.shape_of(input).channels;
    const std::int64_t half = channels / 2;
    const int left = builder_.add(split_of(input, 0, half));
    const int right = builder_.add(split_of(input, half, channels - half));
    Layer conv = layer_of(Op::kConv2d, {right});
    conv.ofm.channels = channels - half;
    const int worked = builder_.add(std::move(conv));
    const int both = builder_.add(layer_of(Op::kConcat, {left, worked}));
    keep(both);
    keep(builder_.add(shuffle_of(both)));
  }

  void add_block() {
    Block block;
    block.kind = random_.one_in(4) ? BlockKind::kConvblock : BlockKind::kMbconv;
    block.name = fmt::format("block{}", num_layers_++);
    const bool is_mbconv = block.kind == BlockKind::kMbconv;
    for (std::int64_t i = is_mbconv ? random_.between(1, 3) : 1; i > 0; --i) {
      block.kernels.push_back(2 * random_.between(0, 3) + 1);
      block.expansion_ratios.push_back(random_.between(1, 4));
    }
    const int input = any_input();
    block.out_channels = random_.one_in(2) ? builder_.shape_of(input).channels : 24;
    block.stride = random_.between(1, 2);
    block.skip = !random_.one_in(4);
    if (is_mbconv && random_.one_in(2)) block.se_ratio = 0.25;
    keep(expand_block(builder_, block, input));
  }

  Layer source_of(Op op, const Shape& shape) {
    Layer layer = layer_of(op, {});
    layer.block.clear();
    layer.ofm = shape;
    return layer;
  }

  /// One of the ops after channel_shuffle.
  void add_map_op() {
    const int input = any_input();
    const Shape map = builder_.shape_of(input);
    switch (random_.below(10)) {
      case 0:
        return add_transposed_convolution(input);
      case 1:
        return add_matmul(input, map);
      case 2:
        return add_broadcast(input, map);
      case 3: {
        Layer layer = layer_of(Op::kResize, {input});
        layer.kernel_height = layer.kernel_width = random_.pick(std::vector<std::int64_t>{1, 2, 4});
        layer.ofm.height = random_.between(1, 2 * map.height);
        layer.ofm.width = random_.between(1, 2 * map.width);
        return keep(builder_.add(std::move(layer)));
      }
      case 4: {
        Layer layer = layer_of(Op::kReduce, {input});
        layer.ofm = map;
        if (random_.one_in(2)) layer.ofm.height = 1;
        if (random_.one_in(2)) layer.ofm.width = 1;
        if (random_.one_in(2)) layer.ofm.channels = map.channels % 4 == 0 ? map.channels / 4 : 1;
        if (layer.ofm != map) keep(builder_.add(std::move(layer)));
        return;
      }
      case 5: {
        Layer layer = layer_of(
            random_.pick(std::vector<Op>{Op::kSoftmax, Op::kLayerNorm, Op::kGroupNorm}), {input});
        layer.groups = random_.pick(std::vector<std::int64_t>{1, 1, 2, 4, map.channels});
        return keep(builder_.add(std::move(layer)));
      }
      case 6: {
        Layer layer = layer_of(
            random_.pick(std::vector<Op>{Op::kLrn, Op::kDepthToSpace, Op::kSpaceToDepth}), {input});
        layer.extent = random_.between(2, 3);
        return keep(builder_.add(std::move(layer)));
      }
      case 7:
        return add_move(input, map);
      case 8: {
        Layer layer = layer_of(Op::kConcat, {input, input});
        layer.axis = random_.one_in(2) ? Axis::kRows : Axis::kColumns;
        return keep(builder_.add(std::move(layer)));
      }
      default:
        return add_sharing_pair(input, map);
    }
  }

  void add_transposed_convolution(int input) {
    Layer layer = layer_of(Op::kConvTranspose2d, {input});
    layer.kernel_height = random_.between(1, 4);
    layer.kernel_width = random_.between(1, 4);
    layer.stride = {random_.between(1, 3), random_.between(1, 3)};
    layer.dilation = random_.one_in(4) ? 2 : 1;
    layer.ofm.channels = random_.between(1, 6) * 4;
    layer.groups = random_.pick(std::vector<std::int64_t>{1, 1, 2, 4});
    const std::int64_t rows = layer.dilation.height * (layer.kernel_height - 1);
    const std::int64_t columns = layer.dilation.width * (layer.kernel_width - 1);
    keep(builder_.add(std::move(layer), PaddingRule::explicit_zeros(
                                            {random_.between(0, rows), random_.between(0, columns),
                                             random_.between(1 - layer.stride.height, rows),
                                             random_.between(1 - layer.stride.width, columns)})));
  }

  void add_matmul(int input, const Shape& map) {
    const std::int64_t groups = random_.pick(std::vector<std::int64_t>{1, 2, 4});
    const bool transposed = random_.one_in(2);
    if (map.channels % groups != 0) return;  // an input without a reader would be an output
    const Shape operand = transposed
                              ? Shape{map.channels, random_.between(1, 5), random_.between(1, 5)}
                              : Shape{groups * random_.between(1, 9), map.channels / groups, 1};
    const int source = builder_.add(source_of(Op::kInput, operand));
    const int b = builder_.add(layer_of(Op::kMaxPool, {source}));  // not reshaped at once
    Layer layer = layer_of(Op::kMatmul, {input, b});
    layer.groups = groups;
    layer.transposed = transposed;
    keep(builder_.add(std::move(layer)));
  }

  void add_broadcast(int input, const Shape& map) {
    Shape small = map;
    if (random_.one_in(2)) small.height = 1;
    if (random_.one_in(2)) small.width = 1;
    if (random_.one_in(2)) small.channels = map.channels % 2 == 0 ? map.channels / 2 : 1;
    const int source = builder_.add(source_of(Op::kInput, small));
    const int operand = builder_.add(layer_of(Op::kMaxPool, {source}));  // not reshaped at once
    std::vector<int> inputs = {input, operand};
    if (random_.one_in(2)) std::swap(inputs[0], inputs[1]);
    keep(builder_.add(layer_of(
        random_.pick(std::vector<Op>{Op::kSub, Op::kDiv, Op::kMaximum, Op::kAdd}), inputs)));
  }

  void add_move(int input, const Shape& map) {
    Layer layer = layer_of(
        random_.pick(std::vector<Op>{Op::kSlice, Op::kPad, Op::kTranspose, Op::kEmbedding}),
        {input});
    PaddingRule padding = PaddingRule::valid();
    if (layer.op == Op::kSlice) {
      layer.first_channel = random_.between(0, map.channels - 1);
      layer.stride = {random_.between(1, 2), random_.between(1, 2)};
      layer.padding.top = -random_.between(0, map.height - 1);
      layer.padding.left = -random_.between(0, map.width - 1);
      const auto count = [&](std::int64_t size, std::int64_t before, std::int64_t step) {
        return random_.between(1, (size - 1 - before) / step + 1);
      };
      layer.ofm = {count(map.channels, layer.first_channel, 1),
                   count(map.height, -layer.padding.top, layer.stride.height),
                   count(map.width, -layer.padding.left, layer.stride.width)};
    } else if (layer.op == Op::kPad) {
      layer.ofm.channels = map.channels + (random_.one_in(2) ? random_.between(1, 4) : 0);
      padding = PaddingRule::explicit_zeros({random_.between(0, 2), random_.between(0, 2),
                                             random_.between(0, 2), random_.between(0, 2)});
    } else if (layer.op == Op::kTranspose) {
      layer.view = {map.channels, map.height, map.width};
      layer.order = random_.pick(std::vector<std::vector<int>>{
          {0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}});
      layer.ofm = {map.num_elements(), 1, 1};
      if (random_.one_in(2)) layer.ofm = {map.channels, map.height, map.width};
    } else {
      layer.ofm.channels = random_.between(1, 8);
      layer.extent = random_.between(2, 100);
    }
    keep(builder_.add(std::move(layer), padding));
  }

  /// Two convolutions with the same weights.
  void add_sharing_pair(int input, const Shape& map) {
    Layer owner = layer_of(Op::kConv2d, {input});
    owner.ofm.channels = map.channels;
    owner.kernel_height = 3;
    Layer sharer = layer_of(Op::kConv2d, {});
    sharer.ofm.channels = map.channels;
    sharer.kernel_height = 3;
    sharer.bias = owner.bias;
    sharer.weights_of = builder_.add(std::move(owner));
    sharer.inputs = {sharer.weights_of};
    keep(builder_.add(std::move(sharer)));
  }

  Channels channels_;
  Random random_;
  NetworkBuilder builder_;
  std::vector<int> outputs_;
  int num_layers_ = 0;
};

}  // namespace tilewake
