// SPDX-License-Identifier: Apache-2.0
// A systolic array that moves real numbers register by register, against SystolicCost in cycles and
// against the definition of a convolution in results.
#include <cstdint>
#include <string>
#include <tuple>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "simulator/mapping/systolic/systolic_cost.hpp"
#include "tests/mapping/clocked_layer.hpp"
#include "tests/mapping/random_tiling.hpp"
#include "tests/support/network_text.hpp"
#include "tests/support/sanitizer.hpp"

namespace tilewake {
namespace {

constexpr int kNumLayers = num_cases(400);  // a dataflow

class ClockedArrayTest : public ::testing::TestWithParam<std::tuple<Dataflow, bool>> {
 protected:
  SystolicConfig machine(Random& random) const {
    SystolicConfig c;
    c.rows = random.between(1, 8);
    c.cols = random.between(1, 8);
    std::tie(c.dataflow, c.overlap_folds) = GetParam();
    c.input = c.weight = c.output = {1 << 20, 2, 64, 1};
    c.accumulator_bytes = 4;
    if (random.one_in(3)) c.element = ElementType::kFp16;
    c.vector_lanes = 1;
    return c;
  }

  static Int8Layer layer(Random& random) {
    const Op op = random.one_in(5)   ? Op::kFullyConnected
                  : random.one_in(4) ? Op::kDepthwiseConv2d
                                     : Op::kConv2d;
    // A fully connected layer has a single wave where weights stay.
    const bool is_dense = op == Op::kFullyConnected;
    return {random_layer(random, op, is_dense ? 3 : 7, is_dense ? 20 : 6), random};
  }
};

/// The table of the specification; SCALE-Sim prints one less.
std::int64_t closed_form(const SystolicConfig& c, const TileExtent& e) {
  const auto folds = [&](std::int64_t rows, std::int64_t cols) {
    return e.groups * ceil_div(rows, c.rows) * ceil_div(cols, c.cols);
  };
  switch (c.dataflow) {
    case Dataflow::kOutputStationary:
      return folds(e.pixels, e.outputs) * (e.depth + c.rows + c.cols - 2);
    case Dataflow::kWeightStationary:
      return folds(e.depth, e.outputs) * (e.pixels + 2 * c.rows + c.cols - 2);
    case Dataflow::kInputStationary:
      return folds(e.depth, e.pixels) * (e.outputs + 2 * c.rows + c.cols - 2);
  }
  return 0;
}

std::string text_of(const SystolicConfig& c, const Int8Layer& data, int seed) {
  return fmt::format("seed {}: {}x{} {}{}, {}", seed, c.rows, c.cols, to_string(c.dataflow),
                     c.overlap_folds ? " overlapped" : "", text_of(data.layer));
}

TEST_P(ClockedArrayTest, WholeLayerTakesTheCyclesOfTheFastModelAndIsAConvolution) {
  for (int seed = 0; seed < kNumLayers; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    const SystolicConfig c = machine(random);
    const Int8Layer data = layer(random);
    SCOPED_TRACE(text_of(c, data, seed));
    const TileProblem problem(data.layer, 0);
    const TileExtent& e = problem.extent();
    ClockedLayer clocked(c, data);
    clocked.add({{0, e.groups}, {0, e.pixels}, {0, e.outputs}, {0, e.depth}});
    const std::int64_t cycles = clocked.run();
    EXPECT_EQ(systolic::SystolicCost(c).cycles(problem, e, {}), cycles);
    if (!c.overlap_folds) {
      EXPECT_EQ(closed_form(c, e), cycles);
    }
    EXPECT_EQ(clocked.sums(), plain_convolution(data));
    if (HasFailure()) return;
  }
}

/// Steps of a tiling, one after another.
void expect_equal_in_tiles(const SystolicConfig& c, const Int8Layer& data, const Tiling& tiling) {
  const TileProblem problem(data.layer, 0);
  const systolic::SystolicCost cost(c);
  ClockedLayer clocked(c, data);
  std::int64_t sum = 0;
  for (TileWalk walk(problem, tiling, cost.stationary(problem)); !walk.done(); walk.next()) {
    clocked.add(walk.step().block);
    sum += cost.cycles(problem, walk.step().block.extent(), walk.step().context);
  }
  if (clocked.mixes_row_cycles()) return;  // the fast model charges a step for its own sums
  EXPECT_EQ(sum, clocked.run());
  EXPECT_EQ(clocked.sums(), plain_convolution(data));
}

TEST_P(ClockedArrayTest, LayerInTilesTakesTheCyclesOfTheFastModelAndIsAConvolution) {
  for (int seed = 0; seed < kNumLayers; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    const SystolicConfig c = machine(random);
    const Int8Layer data = layer(random);
    const TileProblem problem(data.layer, 0);
    const Tiling tiling = random_tiling(random, problem);
    SCOPED_TRACE(text_of(c, data, seed) + to_string(problem, tiling));
    expect_equal_in_tiles(c, data, tiling);
    if (HasFailure()) return;
  }
}

TEST_P(ClockedArrayTest, NarrowPortsStretchStreamsAndExchangeAsInTheFastModel) {
  for (int seed = 0; seed < kNumLayers; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    SystolicConfig c = machine(random);
    for (SystolicBuffer* buffer : {&c.input, &c.weight, &c.output}) {
      buffer->num_banks = random.between(1, 4);
      buffer->port_bytes = random.between(1, 4);
    }
    const Int8Layer data = layer(random);
    const TileProblem problem(data.layer, 0);
    Tiling tiling = random_tiling(random, problem);
    if (random.one_in(3)) tiling.tile = problem.extent();
    SCOPED_TRACE(text_of(c, data, seed) + to_string(problem, tiling));
    expect_equal_in_tiles(c, data, tiling);
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Dataflows, ClockedArrayTest,
                         ::testing::Combine(::testing::Values(Dataflow::kOutputStationary,
                                                              Dataflow::kWeightStationary,
                                                              Dataflow::kInputStationary),
                                            ::testing::Bool()),
                         [](const auto& test) {
                           return fmt::format(
                               "{}_{}", to_string(std::get<0>(test.param)),
                               std::get<1>(test.param) ? "overlapped" : "one_by_one");
                         });

}  // namespace
}  // namespace tilewake
