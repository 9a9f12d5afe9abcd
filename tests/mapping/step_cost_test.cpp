// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/tiled/step_cost.hpp"

#include <cstdint>
#include <memory>

#include <gtest/gtest.h>

#include "simulator/common/math.hpp"
#include "simulator/mapping/tiled/tile_walk.hpp"
#include "tests/mapping/tiled_costs.hpp"

namespace tilewake {
namespace {

constexpr int kNumStepCostCases = 1000;

std::int64_t cycles_of_all_steps(const StepCost& cost, const TileProblem& problem,
                                 const Tiling& tiling) {
  std::int64_t sum = 0;
  for (TileWalk walk(problem, tiling, cost.stationary(problem)); !walk.done(); walk.next())
    sum += cost.cycles(problem, walk.step().block.extent(), walk.step().context);
  return sum;
}

// The tiler prunes by these bounds. What is fused into a global pool or a reduction costs nothing
// in a tile of one element (SystolicCost::vector_unit_cycles), so the bound of these is not one.
TEST(StepCostTest, NoTilingTakesLessThanTheBounds) {
  for (int seed = 0; seed < kNumStepCostCases; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    const TiledCosts costs = random_costs(random);
    const TileProblem problem = random_problem(random, 4);
    const bool reduces = problem.op() == Op::kGlobalAvgPool || problem.op() == Op::kReduce;
    if (reduces && problem.has_second()) continue;
    const Tiling tiling = random_tiling(random, problem, *costs.cost);
    SCOPED_TRACE(fmt::format("seed {}: {}, {} {}", seed, costs.name, to_string(problem.op()),
                             to_string(problem, tiling)));
    const std::int64_t steps =
        TileWalk(problem, tiling, costs.cost->stationary(problem)).num_steps();
    EXPECT_GE(cycles_of_all_steps(*costs.cost, problem, tiling),
              costs.cost->least_cycles(problem) + steps * costs.cost->least_step_cycles());
    EXPECT_LE(costs.cost->full_rate_cycles(problem), costs.cost->least_cycles(problem));
  }
}

// SCALE-Sim's folds: the tiles of the two loops that rows and columns cover, for each group.
TEST(StepCostTest, FoldCyclesCountOnceForEachFoldOfTheArray) {
  constexpr std::int64_t kFoldCycles = 37;
  int num_continued = 0;
  for (int seed = 0; seed < kNumStepCostCases; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    SystolicConfig config = random_systolic(random);
    config.depthwise_on_vector = false;
    const TileProblem problem = random_problem(random, 4);
    const Tiling tiling = random_tiling(random, problem);
    const systolic::SystolicCost without(config);
    config.fold_cycles = kFoldCycles;
    const systolic::SystolicCost with(config);
    SCOPED_TRACE(fmt::format("seed {}: {}x{} {}, {} {}", seed, config.rows, config.cols,
                             to_string(config.dataflow), to_string(problem.op()),
                             to_string(problem, tiling)));
    std::int64_t folds = 0;
    for (TileWalk walk(problem, tiling, with.stationary(problem)); !walk.done(); walk.next()) {
      const TileExtent e = walk.step().block.extent();
      const bool is_output = config.dataflow == Dataflow::kOutputStationary;
      const bool is_input = config.dataflow == Dataflow::kInputStationary;
      const std::int64_t in_step = e.groups *
                                   ceil_div(is_output ? e.pixels : e.depth, config.rows) *
                                   ceil_div(is_input ? e.pixels : e.outputs, config.cols);
      const bool continues = in_step == 1 && walk.step().context.continues;
      if (continues) ++num_continued;
      const bool has_folds = problem.has_weights() && problem.op() != Op::kLayerNorm;
      if (has_folds && !continues) folds += in_step;
    }
    EXPECT_EQ(cycles_of_all_steps(with, problem, tiling),
              cycles_of_all_steps(without, problem, tiling) + folds * kFoldCycles);
  }
  EXPECT_GT(num_continued, 0);
}

Layer convolution(std::int64_t kernel, std::int64_t channels) {
  Layer layer;
  layer.ifm = {channels, 16, 16};
  layer.ofm = {channels, 16, 16};
  layer.kernel_height = layer.kernel_width = kernel;
  layer.padding = {kernel / 2, kernel / 2, kernel / 2, kernel / 2};
  return layer;
}

// Loops without set-up, so that the cycles are those of the instructions.
TEST(StepCostTest, RelativeSpeedIsThatOfPointwiseAndOfGroupedConvolutions) {
  VectorConfig config;
  config.num_cores = 1;
  config.lanes = 8;
  config.dot_length = 4;
  config.loop_cycles = config.issue_cycles = 0;
  config.efficiency.conv2d = 0.25;
  const vector::VectorCost plain(config);
  config.relative_speed = {2.0, 0.5};
  const vector::VectorCost changed(config);
  config.relative_speed = {1000.0, 1.0};
  const vector::VectorCost fastest(config);
  const auto ratio = [&](const Layer& layer, const vector::VectorCost& cost) {
    const TileProblem problem(layer, 0);
    return static_cast<double>(plain.cycles(problem, problem.extent(), {})) /
           static_cast<double>(cost.cycles(problem, problem.extent(), {}));
  };
  EXPECT_EQ(ratio(convolution(1, 64), changed), 2.0);
  EXPECT_EQ(ratio(convolution(1, 64), fastest), 4.0);  // no faster than the peak
  EXPECT_EQ(ratio(convolution(3, 64), changed), 1.0);
  Layer grouped = convolution(3, 64);
  grouped.groups = 2;
  EXPECT_EQ(ratio(grouped, changed), 0.5);
}

TEST(StepCostTest, WinogradDividesConvolutionsThatItCanReduce) {
  VectorConfig config;
  config.num_cores = 1;
  config.lanes = 8;
  config.dot_length = 4;
  config.loop_cycles = config.issue_cycles = 0;
  config.efficiency.conv2d = 0.5;
  const vector::VectorCost direct(config);
  config.winograd = {2.25, 32};
  const vector::VectorCost winograd(config);
  const auto ratio = [&](const Layer& layer) {
    const TileProblem problem(layer, 0);
    return static_cast<double>(direct.cycles(problem, problem.extent(), {})) /
           static_cast<double>(winograd.cycles(problem, problem.extent(), {}));
  };
  EXPECT_NEAR(ratio(convolution(3, 32)), 2.25, 0.01);
  EXPECT_EQ(ratio(convolution(3, 31)), 1.0);
  EXPECT_EQ(ratio(convolution(1, 64)), 1.0);
  EXPECT_EQ(ratio(convolution(5, 64)), 1.0);
  for (const auto change : {+[](Layer& l) { l.stride = 2; }, +[](Layer& l) { l.dilation = 2; },
                            +[](Layer& l) { l.groups = 2; }}) {
    Layer layer = convolution(3, 64);
    change(layer);
    EXPECT_EQ(ratio(layer), 1.0);
  }
}

}  // namespace
}  // namespace tilewake
