// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/systolic/systolic_cost.hpp"

#include <algorithm>

#include "simulator/common/math.hpp"

namespace tilewake::systolic {
namespace {

std::int64_t port_cycles(std::int64_t bytes, const SystolicBuffer& buffer) {
  return ceil_div(bytes, buffer.bytes_per_cycle());
}

}  // namespace

/// The matrix products of a step on the array.
struct SystolicCost::Folding {
  std::int64_t folds = 0;
  std::int64_t stream_cycles = 0;        // T of the step, stretched by the ports
  std::int64_t whole_stream_cycles = 0;  // T of the whole streaming loop
};

bool SystolicCost::runs_on_array(const TileProblem& problem) const {
  return problem.op() == Op::kConv2d || problem.op() == Op::kFullyConnected ||
         (problem.op() == Op::kDepthwiseConv2d && !c_.depthwise_on_vector);
}

SystolicCost::Folding SystolicCost::fold(const TileExtent& whole, const TileExtent& extent) const {
  const auto folding = [&](std::int64_t on_rows, std::int64_t on_cols, std::int64_t stream,
                           std::int64_t whole_stream, std::int64_t slowest) {
    return Folding{extent.groups * ceil_div(on_rows, c_.rows) * ceil_div(on_cols, c_.cols),
                   stream * slowest, whole_stream * slowest};
  };
  const std::int64_t element = element_bytes(c_.element);
  const std::int64_t pixels = extent.pixels;
  const std::int64_t outputs = extent.outputs;
  const std::int64_t depth = extent.depth;
  // A wave is the data that enters or leaves the used rows and columns in one streaming cycle.
  switch (c_.dataflow) {
    case Dataflow::kOutputStationary:
      return folding(pixels, outputs, depth, whole.depth,
                     std::max(port_cycles(std::min(pixels, c_.rows) * element, c_.input),
                              port_cycles(std::min(outputs, c_.cols) * element, c_.weight)));
    case Dataflow::kWeightStationary:
      return folding(
          depth, outputs, pixels, whole.pixels,
          std::max(port_cycles(std::min(depth, c_.rows) * element, c_.input),
                   port_cycles(std::min(outputs, c_.cols) * c_.accumulator_bytes, c_.output)));
    case Dataflow::kInputStationary:
      return folding(
          depth, pixels, outputs, whole.outputs,
          std::max(port_cycles(std::min(depth, c_.rows) * element, c_.weight),
                   port_cycles(std::min(pixels, c_.cols) * c_.accumulator_bytes, c_.output)));
  }
  return {};
}

std::int64_t SystolicCost::exchange_cycles(const TileExtent& whole, bool complete_sums) const {
  const std::int64_t element = element_bytes(c_.element);
  const std::int64_t outputs = std::min(whole.outputs, c_.cols);
  switch (c_.dataflow) {
    case Dataflow::kOutputStationary:
      return c_.rows *
             port_cycles(outputs * (complete_sums ? element : c_.accumulator_bytes), c_.output);
    case Dataflow::kWeightStationary:
      return c_.rows * port_cycles(outputs * element, c_.weight);
    case Dataflow::kInputStationary:
      return c_.rows * port_cycles(std::min(whole.pixels, c_.cols) * element, c_.input);
  }
  return 0;
}

std::int64_t SystolicCost::array_cycles(const TileExtent& whole, const TileExtent& extent,
                                        const TileContext& context) const {
  const Folding f = fold(whole, extent);
  const bool sums_stay = c_.dataflow == Dataflow::kOutputStationary;
  const bool shares_fold = f.folds == 1 && (context.continues || context.stays);
  const std::int64_t hides = shares_fold ? f.whole_stream_cycles : f.stream_cycles;
  const std::int64_t exchange = exchange_cycles(whole, hides == f.whole_stream_cycles);
  // A step that continues the fold of the previous one begins none.
  const std::int64_t set_up = shares_fold && context.continues ? 0 : f.folds * c_.fold_cycles;
  const std::int64_t around = (sums_stay ? 0 : exchange) + c_.rows + c_.cols - 2;
  if (!c_.overlap_folds)
    return set_up + f.folds * f.stream_cycles +
           (shares_fold && context.continues ? 0 : f.folds * around);
  // An operand is loaded while the previous fold streams, so the layer's last fold hides none. Sums
  // leave while the next fold streams, so the first fold hides none.
  std::int64_t num_hiding = f.folds;
  if (sums_stay ? context.first : context.last) --num_hiding;
  // Of the steps that share a fold, one waits: the last one, or for sums the first.
  if (shares_fold && (sums_stay ? context.continues : context.stays)) num_hiding = 0;
  return set_up + (context.first ? around : 0) + f.folds * f.stream_cycles +
         num_hiding * std::max<std::int64_t>(0, exchange - hides);
}

std::int64_t SystolicCost::cycles(const TileProblem& problem, const TileExtent& extent,
                                  const TileContext& context) const {
  const Division& division = context.division;
  return (runs_on_array(problem) ? array_cycles(division.share_of(problem.extent()),
                                                division.share_of(extent), context)
                                 : 0) +
         SystolicCost::vector_unit_cycles(problem, extent, context);
}

std::int64_t SystolicCost::least_of(const TileProblem& problem, Rate rate) const {
  return std::min({least_of(problem, rate, {DividedLoop::kGroups, c_.num_cores}),
                   least_of(problem, rate, {DividedLoop::kPixels, c_.num_cores}),
                   least_of(problem, rate, {DividedLoop::kOutputs, c_.num_cores})});
}

/// Cutting a loop never takes fewer folds, and a wave takes at least one cycle. Each fold begins
/// once, even if several steps share it; without overlap, each also fills and drains the array.
/// With overlap, only the first step does, and all folds but one hide an exchange of operands as
/// far as one that streams the whole loop does.
std::int64_t SystolicCost::least_of(const TileProblem& problem, Rate rate,
                                    const Division& division) const {
  const TileExtent e = division.share_of(problem.extent());
  TileContext alone;
  alone.division = division;
  const std::int64_t vector = SystolicCost::vector_unit_cycles(problem, problem.extent(), alone);
  if (!runs_on_array(problem)) return vector;
  const Folding f = fold(e, e);
  const bool sums_stay = c_.dataflow == Dataflow::kOutputStationary;
  const bool weights_stay = c_.dataflow == Dataflow::kWeightStationary;
  const std::int64_t stream = sums_stay ? e.depth : weights_stay ? e.pixels : e.outputs;
  const std::int64_t of_folds = f.folds * (stream + c_.fold_cycles) + vector;
  if (rate == Rate::kFull) return of_folds;
  const std::int64_t exchange = exchange_cycles(e, true);
  const std::int64_t around = (sums_stay ? 0 : exchange) + c_.rows + c_.cols - 2;
  if (!c_.overlap_folds) return of_folds + f.folds * around;
  return of_folds + around +
         (f.folds - 1) * std::max<std::int64_t>(0, exchange - f.whole_stream_cycles);
}

std::int64_t SystolicCost::vector_unit_cycles(const TileProblem& problem, const TileExtent& tile,
                                              const TileContext& context) const {
  const TileExtent extent = context.division.share_of(tile);
  const std::int64_t num_outputs = extent.num_outputs();
  std::int64_t operations = 0;
  if (runs_on_array(problem)) {
    if (problem.has_second() && context.ends_depth) operations = num_outputs;
  } else {
    operations = num_outputs * extent.depth * problem.operations();
    if (problem.has_second() && extent.depth > 1 && context.ends_depth) operations += num_outputs;
  }
  if (context.ends_depth) operations += num_outputs * problem.more_operations();
  return ceil_div(operations, c_.vector_lanes);
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
