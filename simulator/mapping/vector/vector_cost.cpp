// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/vector/vector_cost.hpp"

#include <algorithm>
#include <cmath>

#include "simulator/common/math.hpp"

namespace tilewake::vector {

namespace {

std::int64_t inner_loop_cycles(std::int64_t instructions, double efficiency) {
  return static_cast<std::int64_t>(std::ceil(static_cast<double>(instructions) / efficiency));
}

}  // namespace

std::int64_t VectorCost::loop_nest_cycles(std::int64_t num_vectors, std::int64_t instructions,
                                          double efficiency) const {
  return ceil_div(num_vectors, c_.num_cores) *
         (inner_loop_cycles(instructions, efficiency) + c_.loop_cycles);
}

double VectorCost::conv_efficiency(const TileProblem& problem) const {
  const TileExtent& e = problem.extent();
  const bool is_reduced = problem.is_3x3_of_stride_1() &&
                          std::min(e.depth / problem.taps(), e.outputs) >= c_.winograd.min_channels;
  double efficiency = c_.efficiency.conv2d;
  if (problem.taps() == 1) efficiency *= c_.relative_speed.pointwise_conv2d;
  if (e.groups > 1) efficiency *= c_.relative_speed.grouped_conv2d;
  return std::min(efficiency, 1.0) * (is_reduced ? c_.winograd.speedup : 1.0);
}

std::int64_t VectorCost::cycles(const TileProblem& problem, const TileExtent& extent,
                                const TileContext& context) const {
  const auto vectors_of = [this](std::int64_t results) { return ceil_div(results, c_.lanes); };
  const bool over_pixels = c_.lane_axis == LaneAxis::kPixels;
  // Independent channels fill lanes as output channels do.
  const std::int64_t channels = extent.groups * extent.outputs;
  const std::int64_t channel_vectors =
      over_pixels ? channels * vectors_of(extent.pixels) : vectors_of(channels) * extent.pixels;
  const VectorConfig::Efficiency& efficiency = c_.efficiency;
  std::int64_t cycles = c_.issue_cycles;
  bool is_fused = problem.has_second();
  switch (problem.op()) {
    case Op::kConv2d: {
      const std::int64_t vectors = over_pixels ? vectors_of(extent.pixels) * extent.outputs
                                               : vectors_of(extent.outputs) * extent.pixels;
      // A row of the window is contiguous: kernel_width x channels.
      const std::int64_t rows = problem.taps() / problem.kernel_width();
      const std::int64_t instructions =
          rows * ceil_div(ceil_div(extent.depth, rows), c_.dot_length);
      cycles += loop_nest_cycles(extent.groups * vectors, instructions, conv_efficiency(problem));
      break;
    }
    case Op::kFullyConnected:
      cycles += loop_nest_cycles(vectors_of(extent.outputs) * extent.pixels,
                                 ceil_div(extent.depth, c_.dot_length), efficiency.fully_connected);
      break;
    case Op::kDepthwiseConv2d:
      cycles += loop_nest_cycles(channel_vectors, extent.depth, efficiency.depthwise_conv2d);
      break;
    case Op::kMaxPool:
    case Op::kAvgPool:
      cycles += loop_nest_cycles(channel_vectors, extent.depth, efficiency.pool);
      break;
    case Op::kGlobalAvgPool:
      cycles += loop_nest_cycles(vectors_of(extent.groups) * extent.pixels, extent.depth,
                                 efficiency.pool);
      break;
    case Op::kReduce: {
      // Results can be few: lanes and cores share the elements of one.
      const std::int64_t instructions =
          ceil_div(extent.num_outputs() * extent.depth, c_.lanes * c_.num_cores);
      cycles += inner_loop_cycles(instructions, efficiency.pool) +
                ceil_div(vectors_of(extent.num_outputs()), c_.num_cores) * c_.loop_cycles;
      break;
    }
    default:
      is_fused = false;
      cycles += loop_nest_cycles(vectors_of(extent.num_outputs()),
                                 extent.depth * problem.operations(), efficiency.elementwise);
  }
  // Fused operations find their operands in registers: one more instruction per vector, and no
  // loop. The second operand of an element-wise op is part of its loop.
  const std::int64_t more = problem.more_operations() + (is_fused ? 1 : 0);
  if (context.ends_depth && more > 0)
    cycles += more * ceil_div(vectors_of(extent.num_outputs()), c_.num_cores);
  return cycles;
}

/// Cutting a loop never takes fewer vectors or instructions.
std::int64_t VectorCost::least_cycles(const TileProblem& problem) const {
  return VectorCost::cycles(problem, problem.extent(), {}) - c_.issue_cycles;
}

TileExtent VectorCost::granularity(const TileProblem& problem) const {
  if (c_.lane_axis == LaneAxis::kPixels) return {1, c_.lanes, 1, c_.dot_length};
  if (problem.extent().outputs > 1) return {1, 1, c_.lanes, c_.dot_length};
  return {c_.lanes, 1, 1, 1};
}

}  // namespace tilewake::vector
