// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/tiled/layer_parts.hpp"

#include <cmath>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/mapping/random_tiling.hpp"

namespace tilewake {
namespace {

constexpr int kNumSeeds = 400;
constexpr std::int64_t kBiasBytes = 4;

Layer random_transposed_convolution(Random& random) {
  while (true) {
    Layer layer;
    layer.op = Op::kConvTranspose2d;
    layer.groups = random.between(1, 2);
    layer.ofm.channels = layer.groups * random.between(1, 3);
    layer.kernel_height = random.between(1, 5);
    layer.kernel_width = random.between(1, 5);
    layer.stride = {random.between(1, 4), random.between(1, 4)};
    layer.dilation = {random.between(1, 3), random.between(1, 3)};
    layer.bias = random.one_in(2);
    const auto side = [&](std::int64_t kernel, std::int64_t dilation) {
      return random.between(0, dilation * (kernel - 1));
    };
    const PaddingRule padding =
        random.one_in(3)
            ? PaddingRule::valid()
            : PaddingRule::explicit_zeros({side(layer.kernel_height, layer.dilation.height),
                                           side(layer.kernel_width, layer.dilation.width),
                                           side(layer.kernel_height, layer.dilation.height),
                                           side(layer.kernel_width, layer.dilation.width)});
    try {
      infer_shapes(
          layer, padding,
          {{layer.groups * random.between(1, 3), random.between(1, 7), random.between(1, 7)}});
      return layer;
    } catch (const LayerError&) {
      // Nothing of the output is left: draw again.
    }
  }
}

/// Along one dimension, by the definition: input i and tap k contribute to output
/// stride i + dilation k - pad.
struct Axis1d {
  std::int64_t out, in, kernel, stride, dilation, pad;

  /// Taps of all outputs, also those that meet no input.
  std::int64_t num_taps() const {
    std::int64_t taps = 0;
    for (std::int64_t o = 0; o < out; ++o) taps += taps_of(o);
    return taps;
  }
  std::int64_t taps_of(std::int64_t o) const {
    std::int64_t taps = 0;
    for (std::int64_t k = 0; k < kernel; ++k)
      if (((o + pad - k * dilation) % stride + stride) % stride == 0) ++taps;
    return taps;
  }
  /// The inputs that outputs with `taps` taps depend on.
  std::set<std::int64_t> inputs(std::int64_t taps) const {
    std::set<std::int64_t> read;
    for (std::int64_t o = 0; o < out; ++o) {
      if (taps_of(o) != taps) continue;
      for (std::int64_t k = 0; k < kernel; ++k) {
        const std::int64_t at = o + pad - k * dilation;
        if ((at % stride + stride) % stride != 0) continue;
        const auto i = static_cast<std::int64_t>(
            std::floor(static_cast<double>(at) / static_cast<double>(stride)));
        if (i >= 0 && i < in) read.insert(i);
      }
    }
    return read;
  }
};

std::pair<Axis1d, Axis1d> axes_of(const Layer& l) {
  return {
      {l.ofm.height, l.ifm.height, l.kernel_height, l.stride.height, l.dilation.height,
       l.padding.top},
      {l.ofm.width, l.ifm.width, l.kernel_width, l.stride.width, l.dilation.width, l.padding.left}};
}

TileProblem problem_of(const LayerPart& part) {
  TileProblem problem(part.layer, kBiasBytes, part.batch);
  problem.set_reach(part.reach);
  if (part.biased_outputs >= 0) problem.set_biased_outputs(part.biased_outputs);
  return problem;
}

TileBlock whole_of(const TileProblem& problem) {
  const TileExtent& e = problem.extent();
  return {{0, e.groups}, {0, e.pixels}, {0, e.outputs}, {0, e.depth}};
}

TEST(LayerPartsTest, ATransposedConvolutionMultipliesByNoZerosAndWritesEachOutputOnce) {
  int num_of_several = 0;
  int num_of_one = 0;
  for (int seed = 0; seed < kNumSeeds; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    const Layer layer = random_transposed_convolution(random);
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const auto [rows, columns] = axes_of(layer);
    std::int64_t products = 0;
    std::int64_t outputs = 0;
    for (const LayerPart& part : parts_of(layer, {layer.ifm}, 1, true)) {
      const TileProblem problem = problem_of(part);
      ASSERT_EQ(part.output_offset, outputs);
      outputs += problem.extent().num_outputs();
      if (part.input == LayerPart::kNothing) {
        EXPECT_EQ(problem.input_bytes(whole_of(problem)), 0);
        continue;
      }
      products += problem.extent().num_outputs() * problem.extent().depth;
    }
    ASSERT_EQ(outputs, layer.ofm.num_elements());
    ASSERT_EQ(products, layer.ofm.channels * (layer.ifm.channels / layer.groups) * rows.num_taps() *
                            columns.num_taps());
    ASSERT_GE(products, layer.num_effective_macs());
    (parts_of(layer, {layer.ifm}, 1, true).size() > 1 ? num_of_several : num_of_one) += 1;
  }
  EXPECT_GT(num_of_several, 50);
  EXPECT_GT(num_of_one, 20);
}

TEST(LayerPartsTest, PartsOfATransposedConvolutionLoadWhatTheirOutputsDependOn) {
  for (int seed = 0; seed < kNumSeeds; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    const Layer layer = random_transposed_convolution(random);
    // Distant taps can be outside of the map where the rectangle around all of them is not.
    if (layer.dilation != Steps(1)) continue;
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const auto [rows, columns] = axes_of(layer);
    std::int64_t weights = 0;
    for (const LayerPart& part : parts_of(layer, {layer.ifm}, 1, true)) {
      if (part.input == LayerPart::kNothing) continue;
      const TileProblem problem = problem_of(part);
      const TileBlock all = whole_of(problem);
      const MapBox box = problem.input_box({{0, part.layer.ofm.height}, {0, part.layer.ofm.width}},
                                           problem.tap_box(all.depth));
      const auto expect_in = [](const TileRange& range, const std::set<std::int64_t>& read,
                                std::int64_t size) {
        EXPECT_GE(range.begin, 0);
        EXPECT_LE(range.end, size);
        // Parts of fewer outputs or of other border sizes read a subset.
        if (read.empty()) return;
        EXPECT_GE(range.begin, *read.begin());
        EXPECT_LE(range.end, *read.rbegin() + 1);
      };
      expect_in(box.rows, rows.inputs(part.layer.kernel_height), layer.ifm.height);
      expect_in(box.columns, columns.inputs(part.layer.kernel_width), layer.ifm.width);
      weights += problem.weight_bytes(all);
    }
    const std::int64_t biases = layer.bias ? kBiasBytes * layer.ofm.channels : 0;
    // Without the taps that meet no output.
    EXPECT_LE(weights, layer.num_weights() + biases);
    if (layer.ofm.height < layer.stride.height || layer.ofm.width < layer.stride.width) continue;
    EXPECT_EQ(weights, layer.num_weights() + biases);
  }
}

TEST(LayerPartsTest, ATransposedConvolutionOfStride1IsAConvolution) {
  for (int seed = 0; seed < kNumSeeds; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    Layer layer = random_layer(random, Op::kConv2d, 9, 8);
    layer.stride = 1;
    layer.ofm.height = layer.ofm.width = 0;
    const std::int64_t rows = layer.dilation.height * (layer.kernel_height - 1);
    const std::int64_t columns = layer.dilation.width * (layer.kernel_width - 1);
    const Padding p{random.between(0, rows), random.between(0, columns), random.between(0, rows),
                    random.between(0, columns)};
    Layer transposed = layer;
    transposed.op = Op::kConvTranspose2d;
    try {
      infer_shapes(layer, PaddingRule::explicit_zeros(p), {layer.ifm});
    } catch (const LayerError&) {
      continue;  // the window does not fit
    }
    infer_shapes(transposed,
                 PaddingRule::explicit_zeros(
                     {rows - p.top, columns - p.left, rows - p.bottom, columns - p.right}),
                 {layer.ifm});
    ASSERT_EQ(layer.ofm, transposed.ofm);
    if (layer.groups > 1 && layer.groups == layer.ifm.channels) continue;  // runs as depthwise
    const std::vector<LayerPart> parts = parts_of(transposed, {layer.ifm}, 1, true);
    ASSERT_EQ(parts.size(), 1U);
    EXPECT_TRUE(problem_of(parts[0]) == TileProblem(layer, kBiasBytes)) << "seed " << seed;
  }
}

TEST(LayerPartsTest, AMatmulIsTheConvolutionOfTheSameSizes) {
  for (const bool is_transposed : {false, true}) {
    Layer matmul;
    matmul.op = Op::kMatmul;
    matmul.transposed = is_transposed;
    const Shape second = is_transposed ? Shape{24, 40, 1} : Shape{40, 24, 1};
    infer_shapes(matmul, PaddingRule::valid(), {{24, 10, 3}, second});
    Layer conv;
    conv.ofm.channels = 40;
    conv.bias = false;
    infer_shapes(conv, PaddingRule::valid(), {{24, 10, 3}});
    const std::vector<LayerPart> parts = parts_of(matmul, {matmul.ifm, second}, 1, true);
    ASSERT_EQ(parts.size(), 1U);
    EXPECT_TRUE(problem_of(parts[0]) == TileProblem(conv, kBiasBytes));
    EXPECT_EQ(parts[0].weights, 1);
  }
}

// Images and heads alike have their own operands.
TEST(LayerPartsTest, ImagesOfAMatmulAreGroups) {
  Layer matmul;
  matmul.op = Op::kMatmul;
  matmul.groups = 3;
  const Shape second{30, 8, 1};
  infer_shapes(matmul, PaddingRule::valid(), {{24, 5, 1}, second});
  const TileProblem problem = problem_of(parts_of(matmul, {matmul.ifm, second}, 4, true)[0]);
  EXPECT_EQ(problem.extent(), (TileExtent{12, 5, 10, 8}));
  EXPECT_EQ(problem.weight_bytes(whole_of(problem)), 4 * second.num_elements());
  EXPECT_EQ(problem.input_bytes(whole_of(problem)), 4 * matmul.ifm.num_elements());
}

TEST(LayerPartsTest, AResizeLoadsThePixelsThatItsOutputsDependOn) {
  for (int seed = 0; seed < kNumSeeds; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    const Layer layer = random_layer(random, Op::kResize, 12, 2);
    const TileProblem problem(layer, 0);
    const TileRange outputs{random.between(0, layer.ofm.height - 1), layer.ofm.height};
    const TileRange rows = problem.input_rows(outputs, {0, layer.kernel_height});
    const double ratio =
        static_cast<double>(layer.ifm.height) / static_cast<double>(layer.ofm.height);
    for (std::int64_t o = outputs.begin; o < outputs.end; ++o) {
      // Interpolation at the middle of the pixel.
      const double at = (static_cast<double>(o) + 0.5) * ratio - 0.5;
      const auto before = static_cast<std::int64_t>(std::floor(at));
      std::vector<std::int64_t> needed = {before, before + 1};
      if (layer.kernel_height == 1)
        needed = {static_cast<std::int64_t>(std::floor((static_cast<double>(o) + 0.5) * ratio))};
      if (layer.kernel_height == 4) needed = {before - 1, before, before + 1, before + 2};
      for (const std::int64_t row : needed) {
        const std::int64_t inside = std::clamp<std::int64_t>(row, 0, layer.ifm.height - 1);
        EXPECT_GE(inside, rows.begin) << "seed " << seed << ", row " << o;
        EXPECT_LT(inside, rows.end) << "seed " << seed << ", row " << o;
      }
    }
    EXPECT_GE(rows.begin, 0);
    EXPECT_LE(rows.end, layer.ifm.height);
  }
}

TEST(LayerPartsTest, AResizeToTheSameSizeIsACopy) {
  Layer resize;
  resize.op = Op::kResize;
  resize.ofm = {0, 9, 5};
  infer_shapes(resize, PaddingRule::valid(), {{7, 9, 5}});
  const TileProblem problem(resize, 0);
  EXPECT_FALSE(problem.has_window());
  EXPECT_EQ(problem.extent(), (TileExtent{7, 45, 1, 1}));
  EXPECT_EQ(problem.input_bytes(whole_of(problem)), 7 * 45);
}

TEST(LayerPartsTest, ANormInTwoPassesReadsTheMapTwice) {
  Layer norm;
  norm.op = Op::kGroupNorm;
  norm.groups = 4;
  infer_shapes(norm, PaddingRule::valid(), {{24, 6, 5}});
  const std::vector<LayerPart> parts = parts_of(norm, {norm.ifm}, 3, true);
  ASSERT_EQ(parts.size(), 2U);
  const TileProblem sums = problem_of(parts[0]);
  EXPECT_TRUE(parts[0].stores_statistics);
  EXPECT_EQ(sums.input_bytes(whole_of(sums)), 3 * norm.ifm.num_elements());
  EXPECT_EQ(sums.extent().num_outputs(), 3 * 2 * norm.groups);
  const TileProblem scaled = problem_of(parts[1]);
  EXPECT_EQ(scaled.input_bytes(whole_of(scaled)), 3 * norm.ifm.num_elements());
  EXPECT_EQ(scaled.extent().num_outputs(), 3 * norm.ofm.num_elements());
  EXPECT_EQ(scaled.weight_bytes(whole_of(scaled)), 24 * (1 + kBiasBytes));
}

// The sum over `extent` channels is a window over rows, one for each channel.
TEST(LayerPartsTest, ALrnThatNoTileHoldsReadsNeighbouringChannelsOnly) {
  Layer lrn;
  lrn.op = Op::kLrn;
  lrn.extent = 5;
  infer_shapes(lrn, PaddingRule::valid(), {{4096, 6, 5}});
  const std::vector<LayerPart> parts = parts_of(lrn, {lrn.ifm}, 3, false);
  ASSERT_EQ(parts.size(), 1U);
  const TileProblem problem = problem_of(parts[0]);
  const std::int64_t pixels = 3 * 6 * 5;
  EXPECT_EQ(problem.extent().num_outputs(), 4096 * pixels);
  EXPECT_EQ(problem.input_bytes(whole_of(problem)), 4096 * pixels);
  EXPECT_EQ(problem.taps(), lrn.extent);
  for (const std::int64_t channel : {std::int64_t{0}, std::int64_t{100}, std::int64_t{4095}}) {
    const std::int64_t begin = std::max<std::int64_t>(channel - 2, 0);
    const std::int64_t end = std::min<std::int64_t>(channel + 3, 4096);
    EXPECT_EQ(problem.input_rows({channel, channel + 1}, {0, 5}), (TileRange{begin, end}));
  }
}

}  // namespace
}  // namespace tilewake
