// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/tiled/tile_problem.hpp"

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/mapping/tiled_costs.hpp"
#include "tests/support/transposed.hpp"

namespace tilewake {
namespace {

constexpr int kNumLayers = 1000;

using Point = std::pair<std::int64_t, std::int64_t>;  // row, column

/// The pixels of the output in `order`, by its definition.
std::vector<Point> pixels_in(const PixelOrder& order, const Shape& map) {
  const std::int64_t line = order.by_columns ? map.height : map.width;
  const std::int64_t lines = order.by_columns ? map.width : map.height;
  const std::int64_t strip = order.strip == 0 ? line : order.strip;
  std::vector<Point> points;
  for (std::int64_t begin = 0; begin < line; begin += strip)
    for (std::int64_t i = 0; i < lines; ++i)
      for (std::int64_t k = begin; k < std::min(begin + strip, line); ++k)
        points.push_back(order.by_columns ? Point{k, i} : Point{i, k});
  return points;
}

/// Elements of the smallest rectangle around what the products of a block read, without padding.
std::int64_t reach(const Layer& l, const std::vector<Point>& pixels, TileRange range,
                   TileRange depth) {
  std::set<std::int64_t> rows;
  std::set<std::int64_t> columns;
  const std::int64_t taps = l.kernel_height * l.kernel_width;
  for (std::int64_t p = range.begin; p < range.end; ++p)
    for (std::int64_t d = depth.begin; d < depth.end; ++d) {
      const auto& [oy, ox] = pixels[static_cast<std::size_t>(p)];
      rows.insert(oy * l.stride.height - l.padding.top +
                  d % taps / l.kernel_width * l.dilation.height);
      columns.insert(ox * l.stride.width - l.padding.left +
                     d % taps % l.kernel_width * l.dilation.width);
    }
  const auto inside = [](const std::set<std::int64_t>& reached, std::int64_t size) {
    const std::int64_t begin = std::max<std::int64_t>(*reached.begin(), 0);
    return std::max<std::int64_t>(std::min(*reached.rbegin() + 1, size) - begin, 0);
  };
  return inside(rows, l.ifm.height) * inside(columns, l.ifm.width);
}

/// Elements of the map that these products read.
std::int64_t read(const Layer& l, const std::vector<Point>& pixels, TileRange range,
                  TileRange depth) {
  std::set<Point> elements;
  const std::int64_t taps = l.kernel_height * l.kernel_width;
  for (std::int64_t p = range.begin; p < range.end; ++p)
    for (std::int64_t d = depth.begin; d < depth.end; ++d) {
      const auto& [oy, ox] = pixels[static_cast<std::size_t>(p)];
      const std::int64_t y =
          oy * l.stride.height - l.padding.top + d % taps / l.kernel_width * l.dilation.height;
      const std::int64_t x =
          ox * l.stride.width - l.padding.left + d % taps % l.kernel_width * l.dilation.width;
      if (y >= 0 && y < l.ifm.height && x >= 0 && x < l.ifm.width) elements.insert({y, x});
    }
  return static_cast<std::int64_t>(elements.size());
}

TEST(TileProblemTest, ABlockLoadsTheRectangleThatItsProductsReach) {
  int num_rectangles = 0;
  int num_parts_of_windows = 0;
  for (int seed = 0; seed < kNumLayers; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    const Layer layer = random_layer(random, Op::kConv2d, 9, 8);
    const TileProblem problem(layer, 4);
    const Tiling tiling = random_tiling(random, problem);
    SCOPED_TRACE(fmt::format("seed {}: {}", seed, to_string(problem, tiling)));
    const std::vector<Point> pixels = pixels_in(tiling.pixels, layer.ofm);
    const std::int64_t taps = layer.kernel_height * layer.kernel_width;
    if (tiling.pixels.strip > 0) ++num_rectangles;
    if (tiling.tile.depth < taps) ++num_parts_of_windows;
    for (TileWalk walk(problem, tiling, Stationary::kNone); !walk.done(); walk.next()) {
      const TileBlock& block = walk.step().block;
      const std::int64_t first = block.depth.begin / taps;
      const std::int64_t channels = (block.depth.end - 1) / taps - first + 1;
      // Several channels are loaded for the whole window.
      const TileRange depth = channels == 1 ? block.depth : TileRange{0, taps};
      const std::int64_t elements =
          problem.has_window() ? reach(layer, pixels, block.pixels, depth) : block.pixels.size();
      ASSERT_EQ(problem.input_bytes(block), block.groups.size() * channels * elements);
      const std::int64_t per_element = block.groups.size() * channels;
      ASSERT_LE(problem.kept_bytes(block), problem.input_bytes(block));
      ASSERT_GE(problem.kept_bytes(block),
                per_element * (problem.has_window() ? read(layer, pixels, block.pixels, depth)
                                                    : block.pixels.size()));
      const auto& [row, column] = pixels[static_cast<std::size_t>(block.pixels.begin)];
      const std::int64_t output =
          block.groups.begin * problem.extent().outputs + block.outputs.begin;
      ASSERT_EQ(problem.output_offset(block),
                (output * layer.ofm.height + row) * layer.ofm.width + column);
      ASSERT_LT(problem.input_offset(block), layer.ifm.num_elements());
    }
  }
  EXPECT_GT(num_rectangles, 100);
  EXPECT_GT(num_parts_of_windows, 100);
}

// A tile of several images loads what it loads of each of them.
TEST(TileProblemTest, ABlockOfABatchLoadsWhatItLoadsOfEachImage) {
  int num_of_several = 0;
  for (int seed = 0; seed < kNumLayers; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    const Layer layer = random_layer(random, Op::kConv2d, 9, 8);
    const std::int64_t batch = random.between(2, 5);
    const TileProblem one(layer, 4);
    const TileProblem problem(layer, 4, batch);
    const Tiling tiling = random_tiling(random, problem);
    SCOPED_TRACE(fmt::format("seed {}: batch {}, {}", seed, batch, to_string(problem, tiling)));
    const std::int64_t image = one.extent().pixels;
    ASSERT_EQ(problem.extent().pixels, batch * image);
    for (TileWalk walk(problem, tiling, Stationary::kNone); !walk.done(); walk.next()) {
      TileBlock block = walk.step().block;
      const std::int64_t bytes = problem.input_bytes(block);
      const std::int64_t offset = problem.output_offset(block);
      const std::int64_t outputs = block.groups.begin * one.extent().outputs + block.outputs.begin;
      ASSERT_EQ(offset / (batch * image), outputs);
      ASSERT_EQ(offset % (batch * image) / image, block.pixels.begin / image);
      ASSERT_LT(problem.input_offset(block), batch * layer.ifm.num_elements());
      std::int64_t expected = 0;
      const TileRange all = block.pixels;
      for (std::int64_t i = all.begin / image; i * image < all.end; ++i) {
        block.pixels = {std::max(all.begin - i * image, std::int64_t{0}),
                        std::min(all.end - i * image, image)};
        expected += one.input_bytes(block);
        ASSERT_EQ(one.weight_bytes(block), problem.weight_bytes(block));
      }
      ASSERT_EQ(bytes, expected);
      if (all.begin / image != (all.end - 1) / image) ++num_of_several;
    }
  }
  EXPECT_GT(num_of_several, 500);
}

TEST(TileProblemTest, ATransposedLayerLoadsAsMuchInTransposedTiles) {
  for (int seed = 0; seed < kNumLayers; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    const Layer layer = random_layer(random, Op::kConv2d, 9, 8);
    const TileProblem problem(layer, 4);
    const TileProblem transposed(transposed_layer(layer), 4);
    Tiling tiling = random_tiling(random, problem);
    tiling.tile.depth = std::max(tiling.tile.depth, problem.taps());  // whole windows
    Tiling other = tiling;
    other.pixels.by_columns = !tiling.pixels.by_columns;
    SCOPED_TRACE(fmt::format("seed {}: {}", seed, to_string(problem, tiling)));
    TileWalk walk(problem, tiling, Stationary::kNone);
    for (TileWalk t(transposed, other, Stationary::kNone); !t.done(); t.next(), walk.next()) {
      ASSERT_FALSE(walk.done());
      if (walk.step().block.depth.size() < problem.taps()) continue;
      ASSERT_EQ(problem.input_bytes(walk.step().block), transposed.input_bytes(t.step().block));
    }
    EXPECT_TRUE(walk.done());
  }
}

}  // namespace
}  // namespace tilewake
