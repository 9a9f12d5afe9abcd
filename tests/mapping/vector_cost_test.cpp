// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/vector/vector_cost.hpp"

#include <string>

#include <gtest/gtest.h>

#include "tests/mapping/tiled_costs.hpp"

namespace tilewake::vector {
namespace {

constexpr int kNumVectorCases = 1000;

class VectorCostTest : public ::testing::Test {
 protected:
  void draw(int seed) {
    random_ = Random(static_cast<std::uint64_t>(seed));
    config_ = random_vector(random_);
    problem_ = random_problem(random_, config_.accumulator_bytes, element_bytes(config_.element));
    // Any tile of it.
    extent_ = random_tiling(random_, problem_).tile;
    text_ = fmt::format("seed {}: {} {} of {} cores, {} lanes over {}, dot {}", seed,
                        to_string(problem_.op()), to_string(problem_, {extent_}), config_.num_cores,
                        config_.lanes, to_string(config_.lane_axis), config_.dot_length);
  }

  std::int64_t cycles() const { return VectorCost(config_).cycles(problem_, extent_, {}); }

  Random random_{0};
  VectorConfig config_;
  TileProblem problem_{Layer{}, 0};
  TileExtent extent_;
  std::string text_;
};

TEST_F(VectorCostTest, NeverFasterThanThePeak) {
  for (int seed = 0; seed < kNumVectorCases; ++seed) {
    draw(seed);
    SCOPED_TRACE(text_);
    const std::int64_t results = extent_.num_outputs();
    // Only convolutions and fully connected layers use dot products.
    const bool has_dots = problem_.op() == Op::kConv2d || problem_.op() == Op::kFullyConnected;
    const std::int64_t peak =
        config_.num_cores * config_.lanes * (has_dots ? config_.dot_length : 1);
    ASSERT_GE((cycles() - config_.issue_cycles) * peak, results * extent_.depth);
  }
}

TEST_F(VectorCostTest, MoreHardwareOrLessOverheadIsNeverSlower) {
  for (int seed = 0; seed < kNumVectorCases; ++seed) {
    draw(seed);
    SCOPED_TRACE(text_);
    const std::int64_t before = cycles();
    const VectorConfig config = config_;
    const auto expect_not_slower = [&](const char* what) {
      EXPECT_LE(cycles(), before) << what;
      config_ = config;
    };
    config_.num_cores += random_.between(1, 4);
    expect_not_slower("cores");
    config_.lanes += random_.between(1, 16);
    expect_not_slower("lanes");
    config_.dot_length += random_.between(1, 8);
    expect_not_slower("dot length");
    VectorConfig::Efficiency& e = config_.efficiency;
    for (double* efficiency :
         {&e.conv2d, &e.depthwise_conv2d, &e.fully_connected, &e.pool, &e.elementwise})
      *efficiency = (1.0 + *efficiency) / 2.0;
    expect_not_slower("efficiency");
    config_.loop_cycles /= 2;
    expect_not_slower("loop");
    config_.issue_cycles /= 2;
    expect_not_slower("issue");
    ASSERT_FALSE(HasFailure());
  }
}

TEST_F(VectorCostTest, SmallerTilesAreNeverSlower) {
  for (int seed = 0; seed < kNumVectorCases; ++seed) {
    draw(seed);
    SCOPED_TRACE(text_);
    const std::int64_t before = cycles();
    for (std::int64_t* size : {&extent_.groups, &extent_.pixels, &extent_.outputs, &extent_.depth})
      *size = random_.between(1, *size);
    ASSERT_LE(cycles(), before);
  }
}

TEST_F(VectorCostTest, ExamplesOfTheTable) {
  VectorConfig& c = config_;
  c.num_cores = 2;
  c.lanes = 8;
  c.dot_length = 4;
  c.loop_cycles = c.issue_cycles = 0;
  c.efficiency = {1.0, 1.0, 1.0, 1.0, 1.0};
  Layer l;
  l.ifm = {6, 5, 7};
  l.ofm = {20, 5, 7};
  l.kernel_height = l.kernel_width = 3;
  const auto cycles_of = [&](Op op) {
    l.op = op;
    problem_ = TileProblem(l, 0);
    extent_ = problem_.extent();
    return cycles();
  };
  // 35 pixels x ceil(20 / 8) vectors on two cores; 3 rows of ceil(3 x 6 / 4) instructions each.
  EXPECT_EQ(cycles_of(Op::kConv2d), 53 * 15);
  c.lane_axis = LaneAxis::kPixels;
  EXPECT_EQ(cycles_of(Op::kConv2d), 50 * 15);  // ceil(35 / 8) x 20 vectors
  l.ofm.channels = 6;
  EXPECT_EQ(cycles_of(Op::kDepthwiseConv2d), 15 * 9);  // 6 x ceil(35 / 8) vectors, 9 taps
  c.lane_axis = LaneAxis::kChannels;
  EXPECT_EQ(cycles_of(Op::kMaxPool), 18 * 9);  // ceil(6 / 8) x 35 vectors
  EXPECT_EQ(cycles_of(Op::kAdd), 14);          // ceil(210 / 8) vectors
  l.ofm = {20, 1, 1};
  EXPECT_EQ(cycles_of(Op::kFullyConnected), 2 * 53);  // ceil(20 / 8) vectors of ceil(210 / 4)
  l.ofm = {6, 1, 1};
  EXPECT_EQ(cycles_of(Op::kGlobalAvgPool), 35);
  c.loop_cycles = 3;
  c.issue_cycles = 100;
  c.efficiency.pool = 0.5;
  EXPECT_EQ(cycles_of(Op::kGlobalAvgPool), 100 + 2 * 35 + 3);
}

}  // namespace
}  // namespace tilewake::vector
