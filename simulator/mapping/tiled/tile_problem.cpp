// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/tiled/tile_problem.hpp"

#include <algorithm>

#include "simulator/common/math.hpp"

namespace tilewake {
namespace {

TileExtent extent_of(const Layer& layer) {
  const std::int64_t pixels = layer.ofm.height * layer.ofm.width;
  const std::int64_t taps = layer.kernel_height * layer.kernel_width;
  switch (layer.op) {
    case Op::kConv2d:
      return {layer.groups, pixels, layer.ofm.channels / layer.groups,
              layer.ifm.channels / layer.groups * taps};
    case Op::kFullyConnected:
      return {1, 1, layer.ofm.channels, layer.ifm.num_elements()};
    case Op::kGlobalAvgPool:
      return {layer.ofm.channels, 1, 1, layer.ifm.height * layer.ifm.width};
    case Op::kDepthwiseConv2d:
    case Op::kMaxPool:
    case Op::kAvgPool:
      return {layer.ofm.channels, pixels, 1, taps};
    case Op::kAdd:
    case Op::kMul:
    case Op::kConcat:
    case Op::kChannelSplit:
    case Op::kChannelShuffle:
      break;
  }
  return {layer.ofm.channels, pixels, 1, 1};
}

}  // namespace

TileProblem::TileProblem(const Layer& layer, std::int64_t bias_bytes)
    : op_(layer.op),
      extent_(extent_of(layer)),
      kernel_height_(layer.kernel_height),
      kernel_width_(layer.kernel_width),
      stride_(layer.stride),
      dilation_(layer.dilation),
      pad_top_(layer.padding.top),
      ifm_(layer.ifm),
      ofm_(layer.ofm),
      has_weights_(layer.has_weights()),
      bias_bytes_(layer.has_weights() && layer.bias ? bias_bytes : 0) {
  if (moves_window()) taps_ = kernel_height_ * kernel_width_;
}

bool TileProblem::moves_window() const {
  return op_ == Op::kConv2d || op_ == Op::kDepthwiseConv2d || op_ == Op::kMaxPool ||
         op_ == Op::kAvgPool;
}

std::int64_t TileProblem::input_elements(TileRange pixels) const {
  if (op_ == Op::kFullyConnected || op_ == Op::kGlobalAvgPool) return 1;
  if (!moves_window()) return pixels.size();
  const std::int64_t first = pixels.begin / ofm_.width;
  const std::int64_t last = (pixels.end - 1) / ofm_.width;
  const std::int64_t begin = std::max<std::int64_t>(0, first * stride_ - pad_top_);
  const std::int64_t end =
      std::min(ifm_.height, last * stride_ - pad_top_ + dilation_ * (kernel_height_ - 1) + 1);
  return std::max<std::int64_t>(0, end - begin) * ifm_.width;
}

std::int64_t TileProblem::input_channels(TileRange groups, TileRange depth) const {
  if (op_ == Op::kFullyConnected || op_ == Op::kGlobalAvgPool) return groups.size() * depth.size();
  if (op_ != Op::kConv2d) return groups.size();
  return groups.size() * (ceil_div(depth.end, taps_) - depth.begin / taps_);
}

std::int64_t TileProblem::input_bytes(const TileBlock& block) const {
  return input_elements(block.pixels) * input_channels(block.groups, block.depth);
}

std::int64_t TileProblem::weight_bytes(const TileBlock& block) const {
  if (!has_weights_) return 0;
  const std::int64_t outputs = block.groups.size() * block.outputs.size();
  return outputs * block.depth.size() + (block.depth.begin == 0 ? outputs * bias_bytes_ : 0);
}

std::int64_t TileProblem::input_offset(const TileBlock& block) const {
  if (op_ == Op::kFullyConnected) return block.depth.begin;
  const std::int64_t plane = ifm_.height * ifm_.width;
  if (op_ == Op::kGlobalAvgPool) return block.groups.begin * plane + block.depth.begin;
  if (!moves_window()) return block.groups.begin * plane + block.pixels.begin;
  const std::int64_t row =
      std::max<std::int64_t>(0, block.pixels.begin / ofm_.width * stride_ - pad_top_);
  std::int64_t channel = block.groups.begin;
  if (op_ == Op::kConv2d)
    channel = block.groups.begin * (extent_.depth / taps_) + block.depth.begin / taps_;
  return channel * plane + std::min(row, ifm_.height - 1) * ifm_.width;
}

std::int64_t TileProblem::output_offset(const TileBlock& block) const {
  const std::int64_t channel = block.groups.begin * extent_.outputs + block.outputs.begin;
  return channel * extent_.pixels + block.pixels.begin;
}

std::int64_t TileProblem::weight_offset(const TileBlock& block) const {
  const std::int64_t of_one_output = extent_.depth + bias_bytes_;
  const std::int64_t before = block.groups.begin * extent_.outputs + block.outputs.begin;
  const std::int64_t outputs = block.groups.size() * block.outputs.size();
  return before * of_one_output + outputs * block.depth.begin +
         (block.depth.begin > 0 ? outputs * bias_bytes_ : 0);
}

std::int64_t TileProblem::second_bytes(const TileBlock& block) const {
  if (second_ == Second::kNone) return 0;
  const std::int64_t channels = block.groups.size() * block.outputs.size();
  return second_ == Second::kVector ? channels : channels * block.pixels.size();
}

std::int64_t TileProblem::second_offset(const TileBlock& block) const {
  if (second_ == Second::kMap) return output_offset(block);
  return block.groups.begin * extent_.outputs + block.outputs.begin;
}

}  // namespace tilewake
