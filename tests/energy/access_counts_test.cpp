// SPDX-License-Identifier: Apache-2.0
#include "simulator/energy/access_counts.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "simulator/common/math.hpp"
#include "simulator/mapping/systolic/systolic_cost.hpp"
#include "tests/mapping/tiled_costs.hpp"

namespace tilewake {
namespace {

constexpr int kNumCountedTilings = 1500;

/// What a core does in one step, fold by fold, as an array does it.
class SlowArray {
 public:
  explicit SlowArray(const SystolicConfig& core) : c_(core) {}

  void step(const TileExtent& part, const TileContext& context, bool one_fold, bool first_depth,
            bool last_depth) {
    const bool stays_in = context.continues && one_fold;
    const bool stays_out = context.stays && one_fold;
    for (std::int64_t g = 0; g < part.groups; ++g) {
      switch (c_.dataflow) {
        case Dataflow::kOutputStationary:
          folds(part.pixels, part.outputs, [&](std::int64_t pixels, std::int64_t outputs) {
            counts.array_macs += static_cast<double>(pixels * outputs * part.depth);
            counts.input_reads += elements(pixels * part.depth);
            counts.weight_reads += elements(outputs * part.depth);
            if (!first_depth && !stays_in) counts.output_reads += sums(pixels * outputs);
            if (last_depth) counts.output_writes += elements(pixels * outputs);
            if (!last_depth && !stays_out) counts.output_writes += sums(pixels * outputs);
          });
          break;
        case Dataflow::kWeightStationary:
          folds(part.depth, part.outputs, [&](std::int64_t depth, std::int64_t outputs) {
            counts.array_macs += static_cast<double>(part.pixels * depth * outputs);
            if (!stays_in) counts.weight_reads += elements(depth * outputs);
            counts.input_reads += elements(part.pixels * depth);
            counts.output_writes += sums(part.pixels * outputs);
            if (!first_depth || is_later_fold_) counts.output_reads += sums(part.pixels * outputs);
          });
          break;
        case Dataflow::kInputStationary:
          folds(part.depth, part.pixels, [&](std::int64_t depth, std::int64_t pixels) {
            counts.array_macs += static_cast<double>(pixels * depth * part.outputs);
            if (!stays_in) counts.input_reads += elements(depth * pixels);
            counts.weight_reads += elements(part.outputs * depth);
            counts.output_writes += sums(pixels * part.outputs);
            if (!first_depth || is_later_fold_) counts.output_reads += sums(pixels * part.outputs);
          });
          break;
      }
    }
  }

  AccessCounts counts;

 private:
  double elements(std::int64_t number) const {
    return static_cast<double>(number * element_bytes(c_.element));
  }
  double sums(std::int64_t number) const {
    return static_cast<double>(number * c_.accumulator_bytes);
  }

  template <typename Fold>
  void folds(std::int64_t on_rows, std::int64_t on_cols, Fold fold) {
    for (std::int64_t row = 0; row < on_rows; row += c_.rows)
      for (std::int64_t col = 0; col < on_cols; col += c_.cols) {
        is_later_fold_ = row > 0;
        fold(std::min(c_.rows, on_rows - row), std::min(c_.cols, on_cols - col));
      }
  }

  const SystolicConfig& c_;
  bool is_later_fold_ = false;  // of the same tile's depth, where depth is on the rows
};

/// The parts of `size` that the cores get, the last of which can be smaller or missing.
std::vector<std::int64_t> parts_of(std::int64_t size, std::int64_t num_cores) {
  std::vector<std::int64_t> parts;
  const std::int64_t part = ceil_div(size, num_cores);
  for (std::int64_t begin = 0; begin < size; begin += part)
    parts.push_back(std::min(part, size - begin));
  return parts;
}

std::int64_t num_folds(const SystolicConfig& c, const TileExtent& e) {
  const auto folds = [&](std::int64_t on_rows, std::int64_t on_cols) {
    return e.groups * ceil_div(on_rows, c.rows) * ceil_div(on_cols, c.cols);
  };
  return c.dataflow == Dataflow::kOutputStationary   ? folds(e.pixels, e.outputs)
         : c.dataflow == Dataflow::kWeightStationary ? folds(e.depth, e.outputs)
                                                     : folds(e.depth, e.pixels);
}

AccessCounts counts_of_steps(const TiledLayer& layer, const StepCost& cost,
                             const SystolicConfig& core) {
  SlowArray array(core);
  const Division& division = layer.tiling.division;
  for (TileWalk walk(layer.problem, layer.tiling, cost.stationary(layer.problem)); !walk.done();
       walk.next()) {
    const TileStep& step = walk.step();
    const TileExtent extent = step.block.extent();
    const bool one_fold = num_folds(core, division.share_of(extent)) == 1;
    const bool first_depth = step.block.depth.begin == 0;
    const std::int64_t size = division.loop == DividedLoop::kGroups   ? extent.groups
                              : division.loop == DividedLoop::kPixels ? extent.pixels
                                                                      : extent.outputs;
    for (const std::int64_t part : parts_of(size, division.num_cores)) {
      TileExtent mine = extent;
      (division.loop == DividedLoop::kGroups   ? mine.groups
       : division.loop == DividedLoop::kPixels ? mine.pixels
                                               : mine.outputs) = part;
      array.step(mine, step.context, one_fold, first_depth, step.context.ends_depth);
    }
  }
  return array.counts;
}

TEST(AccessCountsTest, EqualThoseOfAnArrayThatRunsFoldByFold) {
  int num_compared = 0;
  for (int seed = 0; num_compared < kNumCountedTilings; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    SystolicConfig core = random_systolic(random);
    if (random.one_in(2)) core.num_cores = random.between(2, 5);
    const systolic::SystolicCost cost(core);
    TiledLayer layer{0,
                     random_problem(random, core.accumulator_bytes, element_bytes(core.element))};
    layer.problem.set_more_operations(0);
    layer.tiling = random_tiling(random, layer.problem, cost);
    const Op op = layer.problem.op();
    const bool on_array = op == Op::kConv2d || op == Op::kFullyConnected ||
                          (op == Op::kDepthwiseConv2d && !core.depthwise_on_vector);
    if (!on_array || layer.problem.has_second()) continue;
    ++num_compared;
    SCOPED_TRACE(fmt::format("seed {}: {}, {} cores of {} x {}, {}", seed,
                             to_string(layer.problem, layer.tiling), core.num_cores, core.rows,
                             core.cols, to_string(core.dataflow)));
    const AccessCounts counts = access_counts(layer, cost, core);
    const AccessCounts slow = counts_of_steps(layer, cost, core);
    ASSERT_EQ(counts.array_macs, slow.array_macs);
    ASSERT_EQ(counts.input_reads, slow.input_reads);
    ASSERT_EQ(counts.weight_reads, slow.weight_reads);
    ASSERT_EQ(counts.output_reads, slow.output_reads);
    ASSERT_EQ(counts.output_writes, slow.output_writes);
  }
}

/// A 1 x 1 convolution of 2 channels to 3, on a map of 1 x 12: three tiles of 4 pixels.
TEST(AccessCountsTest, OfThreeTilesByHand) {
  Layer layer;
  layer.op = Op::kConv2d;
  layer.ifm = {2, 1, 12};
  layer.ofm = {3, 1, 12};
  SystolicConfig core;
  core.rows = core.cols = 2;
  core.accumulator_bytes = 4;
  TiledLayer tiled{0, TileProblem(layer, 4)};
  tiled.tiling.tile = {1, 4, 3, 2};
  // Two folds of outputs: each value is read twice. Two folds of pixels in each of the three tiles:
  // each weight is read six times. Sums stay in the array until they are complete.
  core.dataflow = Dataflow::kOutputStationary;
  AccessCounts counts = access_counts(tiled, systolic::SystolicCost(core), core);
  EXPECT_EQ(counts.array_macs, 72.0);
  EXPECT_EQ(counts.input_reads, 2.0 * 24);
  EXPECT_EQ(counts.weight_reads, 6.0 * 6);
  EXPECT_EQ(counts.output_reads, 0.0);
  EXPECT_EQ(counts.output_writes, 36.0);
  // The weights of a tile are two folds, so each tile loads all of them. One fold of depth.
  core.dataflow = Dataflow::kWeightStationary;
  counts = access_counts(tiled, systolic::SystolicCost(core), core);
  EXPECT_EQ(counts.input_reads, 2.0 * 24);
  EXPECT_EQ(counts.weight_reads, 3.0 * 6);
  EXPECT_EQ(counts.output_reads, 0.0);
  EXPECT_EQ(counts.output_writes, 4.0 * 36);
  // Two folds of pixels a tile, each of which reads all weights.
  core.dataflow = Dataflow::kInputStationary;
  counts = access_counts(tiled, systolic::SystolicCost(core), core);
  EXPECT_EQ(counts.input_reads, 24.0);
  EXPECT_EQ(counts.weight_reads, 6.0 * 6);
}

/// 16 lanes of channels, dot products of 4.
TEST(AccessCountsTest, AVectorIsLoadedOnceForFourPixels) {
  Layer layer;
  layer.op = Op::kConv2d;
  layer.ifm = {8, 1, 12};
  layer.ofm = {16, 1, 12};
  VectorConfig core;
  core.num_cores = 1;
  core.lanes = 16;
  core.dot_length = 4;
  core.accumulator_bytes = 4;
  TiledLayer tiled{0, TileProblem(layer, 4)};
  tiled.tiling.tile = {1, 12, 16, 8};
  const AccessCounts counts = access_counts(tiled, core);
  EXPECT_EQ(counts.array_macs, 12.0 * 16 * 8);
  EXPECT_EQ(counts.weight_reads, counts.array_macs / 4);
  EXPECT_EQ(counts.input_reads, counts.array_macs / 16);
  EXPECT_EQ(counts.output_writes, 12.0 * 16);
}

}  // namespace
}  // namespace tilewake
