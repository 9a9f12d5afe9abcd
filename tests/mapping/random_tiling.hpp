// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "simulator/mapping/tiled/tile_problem.hpp"
#include "simulator/mapping/tiled/tile_walk.hpp"
#include "simulator/network/shape_inference.hpp"
#include "tests/support/random.hpp"

namespace tilewake {

/// A layer of `op` whose maps have up to `max_side` rows and columns and `max_channels` channels:
/// windows, strides, paddings, dilations and groups as they come.
inline Layer random_layer(Random& random, Op op, std::int64_t max_side, std::int64_t max_channels) {
  while (true) {
    Layer layer;
    layer.name = "layer";
    layer.op = op;
    Shape input{random.between(1, max_channels), random.between(1, max_side),
                random.between(1, max_side)};
    layer.ofm.channels = random.between(1, max_channels);
    if (layer.has_weights()) layer.bias = random.one_in(2);
    if (op == Op::kConv2d && random.one_in(3)) {
      layer.groups = random.between(2, 3);
      layer.ofm.channels = layer.groups * random.between(1, max_channels / layer.groups);
      input.channels = layer.groups * random.between(1, max_channels / layer.groups);
    }
    PaddingRule padding = random.one_in(3) ? PaddingRule::valid() : PaddingRule::same();
    const bool has_window =
        op == Op::kConv2d || op == Op::kDepthwiseConv2d || op == Op::kMaxPool || op == Op::kAvgPool;
    if (has_window) {
      layer.kernel_height = random.between(1, 4);
      layer.kernel_width = random.one_in(2) ? layer.kernel_height : random.between(1, 4);
      layer.stride = random.between(1, 3);
      layer.dilation = random.one_in(3) ? 2 : 1;
      if (random.one_in(4)) layer.stride.width = random.between(1, 3);
      if (random.one_in(8)) layer.dilation.width = random.between(1, 2);
      const std::int64_t rows = layer.dilation.height * (layer.kernel_height - 1);
      const std::int64_t columns = layer.dilation.width * (layer.kernel_width - 1);
      if (random.one_in(3))
        padding =
            PaddingRule::explicit_zeros({random.between(0, rows), random.between(0, columns),
                                         random.between(0, rows), random.between(0, columns)});
    }
    if (op == Op::kResize) {
      layer.ofm = {0, random.between(1, 2 * max_side), random.between(1, 2 * max_side)};
      layer.kernel_height = random.pick(std::vector<std::int64_t>{1, 2, 4});
      layer.kernel_width = random.one_in(2) ? layer.kernel_height : 2;
    }
    if (op == Op::kSlice) {
      layer.padding = {-random.between(0, input.height - 1), -random.between(0, input.width - 1), 0,
                       0};
      layer.stride = {random.between(1, 3), random.between(1, 3)};
      layer.first_channel = random.between(0, input.channels - 1);
      const auto count = [&](std::int64_t left, std::int64_t step) {
        return random.between(1, (left - 1) / step + 1);
      };
      layer.ofm = {random.between(1, input.channels - layer.first_channel),
                   count(input.height + layer.padding.top, layer.stride.height),
                   count(input.width + layer.padding.left, layer.stride.width)};
    }
    if (op == Op::kPad) {
      layer.ofm.channels = input.channels;
      padding = PaddingRule::explicit_zeros(
          {random.between(0, 3), random.between(0, 3), random.between(0, 3), random.between(0, 3)});
    }
    if (op == Op::kSoftmax || op == Op::kLayerNorm) {
      layer.groups = random.between(1, 3);
      input.channels =
          layer.groups * random.between(1, std::max<std::int64_t>(max_channels / 3, 1));
      layer.bias = random.one_in(2);
    }
    if (op == Op::kReduce)
      layer.ofm = {1, random.one_in(2) ? 1 : input.height, random.one_in(2) ? 1 : input.width};
    const std::vector<Shape> inputs(layer.is_elementwise() ? 2 : 1, input);
    try {
      infer_shapes(layer, padding, inputs);
      return layer;
    } catch (const LayerError&) {
      if (!has_window) throw;  // else the window does not fit: draw again
    }
  }
}

inline const std::vector<std::array<TileLoop, 3>>& all_orders() {
  static const std::vector<std::array<TileLoop, 3>> kOrders = [] {
    std::vector<std::array<TileLoop, 3>> orders;
    std::array<TileLoop, 3> order = {TileLoop::kPixels, TileLoop::kOutputs, TileLoop::kDepth};
    do {
      orders.push_back(order);
    } while (std::next_permutation(order.begin(), order.end()));
    return orders;
  }();
  return kOrders;
}

/// Any tiling that a mapper could choose: pixels by rows, by columns or in rectangles; tiles of
/// several groups are of whole ones.
inline Tiling random_tiling(Random& random, const TileProblem& problem) {
  const TileExtent& whole = problem.extent();
  const auto size = [&](std::int64_t extent) {
    return random.one_in(3) ? extent : random.between(1, extent);
  };
  Tiling tiling;
  tiling.tile = {size(whole.groups), size(whole.pixels),
                 problem.can_cut_outputs() ? size(whole.outputs) : whole.outputs,
                 problem.can_cut_depth() ? size(whole.depth) : whole.depth};
  if (tiling.tile.groups > 1) {
    tiling.tile.outputs = whole.outputs;
    if (problem.has_weights()) tiling.tile.depth = whole.depth;
  }
  if (problem.has_window()) {
    tiling.pixels.by_columns = random.one_in(2);
    const bool by_columns = tiling.pixels.by_columns;
    const std::int64_t line = by_columns ? problem.ofm().height : problem.ofm().width;
    const std::int64_t lines = by_columns ? problem.ofm().width : problem.ofm().height;
    if (line > 1 && random.one_in(2)) {  // a rectangle
      tiling.pixels.strip = random.between(1, line - 1);
      tiling.tile.pixels = tiling.pixels.strip * random.between(1, lines);
    }
  }
  if (problem.keeps_images_apart() && tiling.pixels.strip == 0)
    tiling.tile.pixels = random.one_in(2)
                             ? size(problem.image_pixels())
                             : problem.image_pixels() * random.between(1, problem.batch());
  tiling.order = random.pick(all_orders());
  tiling.keeps_sums = random.one_in(2);
  return tiling;
}

}  // namespace tilewake
