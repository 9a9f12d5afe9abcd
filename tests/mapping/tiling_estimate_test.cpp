// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/tiled/tiling_estimate.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "simulator/common/math.hpp"
#include "tests/mapping/tiled_costs.hpp"

namespace tilewake {
namespace {

constexpr int kNumTilings = 2000;

class TilingEstimateTest : public ::testing::Test {
 protected:
  void draw(int seed) {
    Random random(static_cast<std::uint64_t>(seed));
    machine_ = random_costs(random);
    problem_ =
        random_problem(random, machine_.memory.accumulator_bytes, machine_.memory.element_bytes);
    tiling_ = random_tiling(random, problem_, *machine_.cost);
    cuts_ = cuts_of(problem_, tiling_);
    text_ = fmt::format("seed {}: {} of {}, {}", seed, to_string(problem_, tiling_),
                        to_string(problem_.op()), machine_.name);
  }

  TileWalk walk() const { return {problem_, tiling_, machine_.cost->stationary(problem_)}; }

  TiledCosts machine_;
  TileProblem problem_{Layer{}, 0};
  Tiling tiling_;
  std::optional<LoopCuts> cuts_;
  std::string text_;
};

TEST_F(TilingEstimateTest, TrafficIsWhatTheStepsMove) {
  for (int seed = 0; seed < kNumTilings; ++seed) {
    draw(seed);
    SCOPED_TRACE(text_);
    const std::int64_t sum_bytes = machine_.memory.accumulator_bytes;
    TilingTraffic moved;
    for (TileWalk w = walk(); !w.done(); w.next()) {
      const TileStep& step = w.step();
      const auto outputs = static_cast<double>(step.block.extent().num_outputs());
      if (step.loads_input)
        moved.input_bytes += static_cast<double>(problem_.input_bytes(step.block));
      if (step.loads_weights)
        moved.weight_bytes += static_cast<double>(problem_.weight_bytes(step.block));
      if (step.context.ends_depth) {
        moved.second_bytes += static_cast<double>(problem_.second_bytes(step.block));
        moved.output_bytes += outputs * static_cast<double>(machine_.memory.element_bytes);
      }
      if (step.loads_sums) moved.spilled_bytes += outputs * static_cast<double>(sum_bytes);
      if (step.spills_sums) moved.spilled_bytes += outputs * static_cast<double>(sum_bytes);
    }
    const TilingTraffic traffic = traffic_of(problem_, *cuts_, tiling_, sum_bytes);
    ASSERT_EQ(traffic.input_bytes, moved.input_bytes);
    ASSERT_EQ(traffic.weight_bytes, moved.weight_bytes);
    ASSERT_EQ(traffic.second_bytes, moved.second_bytes);
    ASSERT_EQ(traffic.output_bytes, moved.output_bytes);
    ASSERT_EQ(traffic.spilled_bytes, moved.spilled_bytes);
  }
}

TEST_F(TilingEstimateTest, ComputeCyclesAreTheSumOverTheSteps) {
  for (int seed = 0; seed < kNumTilings; ++seed) {
    draw(seed);
    SCOPED_TRACE(text_);
    std::int64_t sum = 0;
    for (TileWalk w = walk(); !w.done(); w.next())
      sum += machine_.cost->cycles(problem_, w.step().block.extent(), w.step().context);
    ASSERT_EQ(compute_cycles_of(problem_, *cuts_, tiling_, *machine_.cost), sum);
    ASSERT_LE(least_compute_cycles_of(problem_, *cuts_, tiling_.division, *machine_.cost), sum);
  }
}

/// The part of a core in a block, which can be empty.
TileBlock part_of(TileBlock block, const Division& division, std::int64_t core) {
  TileRange& range = division.loop == DividedLoop::kGroups   ? block.groups
                     : division.loop == DividedLoop::kPixels ? block.pixels
                                                             : block.outputs;
  const std::int64_t size = ceil_div(range.size(), division.num_cores);
  range.begin = std::min(range.begin + core * size, range.end);
  range.end = std::min(range.begin + size, range.end);
  return block;
}

// The part of a core in a tile of pixels begins anywhere in a line; the first core has the largest.
TEST_F(TilingEstimateTest, EveryCoreHasTheFootprintOfItsPartsAndAtMostThatOfTheTile) {
  int num_with_less_input = 0;
  for (int seed = 0; seed < kNumTilings; ++seed) {
    draw(seed);
    SCOPED_TRACE(text_);
    const Division& division = tiling_.division;
    if (division.num_cores == 1) continue;
    const std::int64_t sum_bytes = machine_.memory.accumulator_bytes;
    const TileFootprint footprint =
        footprint_of(problem_, *cuts_, tiling_, *machine_.cost, sum_bytes);
    TileFootprint needed;
    for (TileWalk w = walk(); !w.done(); w.next())
      for (std::int64_t core = 0; core < division.num_cores; ++core) {
        const TileBlock part = part_of(w.step().block, division, core);
        if (part.extent().num_outputs() == 0) continue;
        needed.input = std::max(needed.input, problem_.kept_bytes(part));
        needed.weight = std::max(needed.weight, problem_.weight_bytes(part));
        needed.output =
            std::max(needed.output, part.extent().num_outputs() * machine_.memory.element_bytes +
                                        problem_.second_bytes(part));
      }
    ASSERT_GE(footprint.input, needed.input);
    ASSERT_EQ(footprint.weight, needed.weight);
    ASSERT_GE(footprint.output, needed.output);
    Tiling whole = tiling_;
    whole.division = {};
    const TileFootprint of_tile = footprint_of(problem_, *cuts_, whole, *machine_.cost, sum_bytes);
    ASSERT_LE(footprint.input, of_tile.input);
    ASSERT_LE(footprint.weight, of_tile.weight);
    ASSERT_LE(footprint.output, of_tile.output);
    if (footprint.input < of_tile.input) ++num_with_less_input;
  }
  EXPECT_GT(num_with_less_input, 100);
}

TEST_F(TilingEstimateTest, FootprintIsTheMostThatAnyStepNeedsOfASlot) {
  for (int seed = 0; seed < kNumTilings; ++seed) {
    draw(seed);
    tiling_.division = {};
    SCOPED_TRACE(text_);
    const std::int64_t sum_bytes = machine_.memory.accumulator_bytes;
    const bool cuts_depth = tiling_.tile.depth < problem_.extent().depth;
    TileFootprint needed;
    std::int64_t part = 0;     // outputs and sums in one slot
    std::int64_t seconds = 0;  // largest second operand of a step that uses the part
    bool loads_ahead = false;  // the second operand of the next step goes into the same part
    for (TileWalk w = walk(); !w.done(); w.next()) {
      const TileStep& step = w.step();
      const TileExtent extent = step.block.extent();
      if (step.opens_output) part = seconds = 0;
      if (!step.opens_output && problem_.has_second()) loads_ahead = true;
      // A tile of outputs is in the part from its first products on.
      if (step.block.depth.begin == 0 || (step.opens_output && step.loads_sums)) {
        const bool keeps = cuts_depth || machine_.cost->accumulates(problem_, extent);
        part += extent.num_outputs() * (keeps ? sum_bytes : machine_.memory.element_bytes);
      }
      seconds = std::max(seconds, problem_.second_bytes(step.block));
      needed.input = std::max(needed.input, problem_.kept_bytes(step.block));
      needed.weight = std::max(needed.weight, problem_.weight_bytes(step.block));
      needed.output = std::max(needed.output, part + seconds);
    }
    const TileFootprint footprint =
        footprint_of(problem_, *cuts_, tiling_, *machine_.cost, sum_bytes);
    ASSERT_EQ(footprint.input, needed.input);
    ASSERT_EQ(footprint.weight, needed.weight);
    ASSERT_GE(footprint.output, needed.output);
    ASSERT_LE(footprint.output, loads_ahead ? 2 * needed.output : needed.output);
  }
}

}  // namespace
}  // namespace tilewake
