// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/systolic/systolic_cost.hpp"

#include <gtest/gtest.h>

#include "simulator/common/math.hpp"
#include "tests/mapping/tiled_costs.hpp"

namespace tilewake::systolic {
namespace {

constexpr int kNumCases = 500;

SystolicConfig array(std::int64_t side, Dataflow dataflow) {
  SystolicConfig c;
  c.rows = c.cols = side;
  c.dataflow = dataflow;
  c.overlap_folds = false;
  c.input = c.weight = c.output = {1 << 20, 2, 128, 8};
  c.accumulator_bytes = 4;
  c.vector_lanes = 16;
  return c;
}

/// Of AlexNet, as in SCALE-Sim's topology: 55 x 55 outputs of 96 channels.
TileProblem alexnet_conv1() {
  Layer l;
  l.ifm = {3, 227, 227};
  l.ofm = {96, 55, 55};
  l.kernel_height = l.kernel_width = 11;
  l.stride = 4;
  return {l, 0};
}

std::int64_t cycles(const SystolicConfig& c, const TileProblem& problem) {
  return SystolicCost(c).cycles(problem, problem.extent(), {});
}

// It prints the index of the last cycle.
TEST(SystolicCostTest, AlexNetConv1TakesWhatScaleSimPrints) {
  const TileProblem conv1 = alexnet_conv1();
  EXPECT_EQ(cycles(array(128, Dataflow::kOutputStationary), conv1) - 1, 14807);
  EXPECT_EQ(cycles(array(128, Dataflow::kWeightStationary), conv1) - 1, 10220);
  EXPECT_EQ(cycles(array(16, Dataflow::kOutputStationary), conv1) - 1, 448019);
}

struct SystolicCase {
  SystolicConfig config;
  TileProblem problem;
  std::string text;
};

SystolicCase random_systolic_case(Random& random, int seed) {
  const SystolicConfig config = random_systolic(random);
  const TileProblem problem =
      random_problem(random, config.accumulator_bytes, element_bytes(config.element));
  const std::string text = fmt::format("seed {}: {}x{} {}, {} {}", seed, config.rows, config.cols,
                                       to_string(config.dataflow), to_string(problem.op()),
                                       to_string(problem, {problem.extent()}));
  return {config, problem, text};
}

TEST(SystolicCostTest, NeverFasterThanThePeakOfTheArray) {
  for (int seed = 0; seed < kNumCases; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    SystolicCase c = random_systolic_case(random, seed);
    c.config.depthwise_on_vector = false;
    SCOPED_TRACE(c.text);
    if (!c.problem.has_weights() || c.problem.op() == Op::kLayerNorm) continue;
    const TileExtent& e = c.problem.extent();
    EXPECT_GE(cycles(c.config, c.problem) * c.config.peak_macs_per_cycle(),
              e.num_outputs() * e.depth);
  }
}

TEST(SystolicCostTest, OverlappingFoldsIsNeverSlower) {
  for (int seed = 0; seed < kNumCases; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    SystolicCase c = random_systolic_case(random, seed);
    // Sums that are read one row a cycle are those of the overlapped array only.
    if (c.config.dataflow == Dataflow::kOutputStationary) c.config.output.num_banks = 256;
    SCOPED_TRACE(c.text);
    c.config.overlap_folds = false;
    const std::int64_t one_by_one = cycles(c.config, c.problem);
    c.config.overlap_folds = true;
    EXPECT_LE(cycles(c.config, c.problem), one_by_one);
  }
}

TEST(SystolicCostTest, WiderPortsAreNeverSlower) {
  for (int seed = 0; seed < kNumCases; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    SystolicCase c = random_systolic_case(random, seed);
    SCOPED_TRACE(c.text);
    const std::int64_t before = cycles(c.config, c.problem);
    for (SystolicBuffer* buffer : {&c.config.input, &c.config.weight, &c.config.output}) {
      buffer->num_banks += random.between(0, 3);
      buffer->port_bytes += random.between(0, 3);
    }
    EXPECT_LE(cycles(c.config, c.problem), before);
  }
}

/// 1x1, 16 channels to 16 on 10 x 10 pixels: one fold of 100 waves where operands stay.
TileProblem one_fold() {
  Layer l;
  l.ifm = l.ofm = {16, 10, 10};
  return {l, 0};
}

TEST(SystolicCostTest, NarrowPortsStretchTheStreamsOrTheExchange) {
  SystolicConfig c = array(16, Dataflow::kWeightStationary);
  EXPECT_EQ(cycles(c, one_fold()), 16 + 100 + 30);
  c.input = {1 << 20, 2, 1, 8};  // 16 features a wave
  EXPECT_EQ(cycles(c, one_fold()), 16 + 2 * 100 + 30);
  c.output = {1 << 20, 2, 3, 5};  // 16 sums of 4 bytes a wave
  EXPECT_EQ(cycles(c, one_fold()), 16 + 5 * 100 + 30);
  c.weight = {1 << 20, 2, 2, 2};  // 16 weights a row
  EXPECT_EQ(cycles(c, one_fold()), 4 * 16 + 5 * 100 + 30);
}

TEST(SystolicCostTest, DepthwiseTakesAColumnAChannelOrTheVectorUnit) {
  Layer l;
  l.op = Op::kDepthwiseConv2d;
  l.ifm = l.ofm = {24, 8, 8};
  l.kernel_height = l.kernel_width = 3;
  const TileProblem problem(l, 0);
  SystolicConfig c = array(16, Dataflow::kWeightStationary);
  EXPECT_EQ(cycles(c, problem), 24 * (16 + 64 + 30));
  c.depthwise_on_vector = true;
  EXPECT_EQ(cycles(c, problem), 24 * 64 * 9 / 16);
}

TEST(SystolicCostTest, FusedOperationsUseTheVectorUnitWhenOutputsAreComplete) {
  const SystolicConfig c = array(16, Dataflow::kWeightStationary);
  TileProblem problem = one_fold();
  const std::int64_t alone = cycles(c, problem);
  problem.set_second(problem.ofm());
  EXPECT_EQ(cycles(c, problem), alone + 16 * 100 / 16);
  TileContext context;
  context.ends_depth = false;
  EXPECT_EQ(SystolicCost(c).cycles(problem, problem.extent(), context), alone);
}

// Layers of a multiple of the cores in each dimension, so that all parts are alike.
TEST(SystolicCostTest, SeveralCoresTakeAsLongAsOneWithALayerOfTheirPart) {
  for (int seed = 0; seed < kNumCases; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    const SystolicConfig config = random_systolic(random);
    const std::int64_t num_cores = random.between(2, 5);
    Layer part;
    part.op = random.one_in(3) ? Op::kDepthwiseConv2d : Op::kConv2d;
    part.groups = part.op == Op::kConv2d ? random.between(1, 3) : 1;
    const std::int64_t inputs = random.between(1, 12);
    const std::int64_t outputs = part.op == Op::kConv2d ? random.between(1, 40) : inputs;
    part.ifm = {part.groups * inputs, random.between(1, 9), random.between(1, 9)};
    part.ofm = {part.groups * outputs, part.ifm.height, part.ifm.width};
    const bool is_depthwise = part.op == Op::kDepthwiseConv2d;
    for (const DividedLoop loop :
         {DividedLoop::kGroups, DividedLoop::kPixels, DividedLoop::kOutputs}) {
      if (is_depthwise && loop == DividedLoop::kOutputs) continue;
      Layer whole = part;
      if (loop == DividedLoop::kGroups) {
        whole.groups *= is_depthwise ? 1 : num_cores;
        whole.ifm.channels *= num_cores;
      }
      if (loop == DividedLoop::kPixels) whole.ifm.height = whole.ofm.height *= num_cores;
      if (loop != DividedLoop::kPixels) whole.ofm.channels *= num_cores;
      SCOPED_TRACE(fmt::format("seed {}, loop {}", seed, static_cast<int>(loop)));
      TileContext context{random.one_in(2), random.one_in(2), random.one_in(2), true,
                          random.one_in(2)};
      const TileProblem of_part(part, 0);
      const SystolicCost cost(config);
      const std::int64_t expected = cost.cycles(of_part, of_part.extent(), context);
      context.division = {loop, num_cores};
      const TileProblem of_all(whole, 0);
      EXPECT_EQ(cost.cycles(of_all, of_all.extent(), context), expected);
    }
  }
}

TEST(SystolicCostTest, ActivationsTakeTheirOperationsOfTheVectorUnitOnceForEachOutput) {
  for (int seed = 0; seed < kNumCases; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    SystolicCase c = random_systolic_case(random, seed);
    SCOPED_TRACE(c.text);
    c.config.vector_lanes = 1;
    c.problem.set_more_operations(0);
    const std::int64_t alone = cycles(c.config, c.problem);
    c.problem.set_more_operations(7);
    EXPECT_EQ(cycles(c.config, c.problem), alone + 7 * c.problem.extent().num_outputs());
    TileContext context;
    context.ends_depth = false;
    const std::int64_t part = SystolicCost(c.config).cycles(c.problem, c.problem.extent(), context);
    c.problem.set_more_operations(0);
    EXPECT_EQ(SystolicCost(c.config).cycles(c.problem, c.problem.extent(), context), part);
  }
}

}  // namespace
}  // namespace tilewake::systolic
