// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/systolic/systolic_cost.hpp"

#include <algorithm>

#include "simulator/common/math.hpp"

namespace tilewake::systolic {

/// One group's matrix product on the array.
struct SystolicCost::Folding {
  std::int64_t row_folds = 0;
  std::int64_t col_folds = 0;
  std::int64_t stream_cycles = 0;  // T, stretched by the ports
};

bool SystolicCost::runs_on_array(const TileProblem& problem) const {
  return problem.has_weights() &&
         !(problem.op() == Op::kDepthwiseConv2d && c_.depthwise_on_vector);
}

SystolicCost::Folding SystolicCost::fold(const TileExtent& extent) const {
  // Bytes a wave: what enters or leaves the used rows and columns in one cycle of streaming.
  const auto stretch = [](std::int64_t wave_bytes, const SystolicBuffer& buffer) {
    return ceil_div(wave_bytes, buffer.bytes_per_cycle());
  };
  const auto folding = [&](std::int64_t on_rows, std::int64_t on_cols, std::int64_t stream,
                           std::int64_t slowest) {
    return Folding{ceil_div(on_rows, c_.rows), ceil_div(on_cols, c_.cols), stream * slowest};
  };
  const std::int64_t pixels = extent.pixels;
  const std::int64_t outputs = extent.outputs;
  const std::int64_t depth = extent.depth;
  switch (c_.dataflow) {
    case Dataflow::kOutputStationary:
      return folding(pixels, outputs, depth,
                     std::max(stretch(std::min(pixels, c_.rows), c_.input),
                              stretch(std::min(outputs, c_.cols), c_.weight)));
    case Dataflow::kWeightStationary:
      return folding(
          depth, outputs, pixels,
          std::max(stretch(std::min(depth, c_.rows), c_.input),
                   stretch(std::min(outputs, c_.cols) * c_.accumulator_bytes, c_.output)));
    case Dataflow::kInputStationary:
      return folding(
          depth, pixels, outputs,
          std::max(stretch(std::min(depth, c_.rows), c_.weight),
                   stretch(std::min(pixels, c_.cols) * c_.accumulator_bytes, c_.output)));
  }
  return {};
}

std::int64_t SystolicCost::array_cycles(const TileExtent& extent,
                                        const StepContext& context) const {
  const Folding folding = fold(extent);
  const std::int64_t folds = extent.groups * folding.row_folds * folding.col_folds;
  const std::int64_t stream = folding.stream_cycles;
  const std::int64_t prepare = c_.dataflow == Dataflow::kOutputStationary ? 0 : c_.rows;
  const std::int64_t around = prepare + c_.rows + c_.cols - 2;
  // Partial sums that the array holds nowhere go back into it first.
  const bool sums_return = c_.dataflow == Dataflow::kOutputStationary && !context.begins_depth &&
                           !(folds == 1 && context.continues);
  const std::int64_t returning = sums_return ? c_.rows : 0;
  if (!c_.overlap_folds) {
    if (folds == 1 && context.continues) return stream;
    return folds * (stream + around + returning);
  }
  const std::int64_t overlapped = std::max(stream, c_.rows + returning);
  const std::int64_t last = context.last ? stream : overlapped;
  return (context.first ? around : 0) + (folds - 1) * overlapped + last;
}

std::int64_t SystolicCost::cycles(const TileProblem& problem, const TileExtent& extent,
                                  const StepContext& context) const {
  const std::int64_t num_outputs = extent.num_outputs();
  std::int64_t operations = 0;
  std::int64_t cycles = 0;
  if (runs_on_array(problem)) {
    cycles = array_cycles(extent, context);
    if (problem.has_second() && context.ends_depth) operations = num_outputs;
  } else {
    operations = num_outputs * extent.depth;
    if (problem.has_second() && extent.depth > 1 && context.ends_depth) operations += num_outputs;
  }
  return cycles + ceil_div(operations, c_.vector_lanes);
}

TileExtent SystolicCost::granularity(const TileProblem& problem) const {
  if (!runs_on_array(problem)) return {1, 1, 1, 1};
  switch (c_.dataflow) {
    case Dataflow::kOutputStationary:
      return {1, c_.rows, c_.cols, 1};
    case Dataflow::kWeightStationary:
      return {1, 1, c_.cols, c_.rows};
    case Dataflow::kInputStationary:
      return {1, c_.cols, 1, c_.rows};
  }
  return {};
}

Stationary SystolicCost::stationary(const TileProblem& problem) const {
  if (!runs_on_array(problem)) return Stationary::kNone;
  switch (c_.dataflow) {
    case Dataflow::kOutputStationary:
      return Stationary::kOutput;
    case Dataflow::kWeightStationary:
      return Stationary::kWeight;
    case Dataflow::kInputStationary:
      return Stationary::kInput;
  }
  return Stationary::kNone;
}

bool SystolicCost::accumulates(const TileProblem& problem, const TileExtent& extent) const {
  return runs_on_array(problem) && c_.dataflow != Dataflow::kOutputStationary &&
         extent.depth > c_.rows;
}

}  // namespace tilewake::systolic
