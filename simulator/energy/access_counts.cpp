// SPDX-License-Identifier: Apache-2.0
#include "simulator/energy/access_counts.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <variant>

#include "simulator/common/math.hpp"
#include "simulator/mapping/tiled/tiling_estimate.hpp"

namespace tilewake {
namespace {

double entries_of(std::int64_t value) { return static_cast<double>(value); }

/// The sum over the tiles of a loop of value(size).
template <typename Value>
double sum_over(const LoopCut& cut, Value value) {
  const std::int64_t images = cut.images;
  const std::int64_t strips = cut.num_strips();
  const std::int64_t per_strip = cut.tiles_per_strip();
  const auto of = [&](std::int64_t count, std::int64_t size) {
    return count == 0 ? 0.0 : entries_of(count) * value(size);
  };
  return of(images * (strips - 1) * (per_strip - 1), cut.tile) +
         of(images * (strips - 1), cut.end_of_strip()) +
         of(images * (per_strip - 1), cut.last_tile) + of(images, cut.last());
}

/// The tiles of a layer's loops, and the parts of them that the cores compute.
class Loops {
 public:
  Loops(const TiledLayer& layer, const LoopCuts& cuts)
      : division_(layer.tiling.division),
        groups_(LoopCut::even(layer.problem.extent().groups, cuts.groups)),
        cuts_(cuts) {}

  double groups() const { return entries_of(groups_.whole); }
  double pixels() const { return entries_of(cuts_.pixels.whole); }
  double outputs() const { return entries_of(cuts_.outputs.whole); }
  double depth() const { return entries_of(cuts_.depth.whole); }

  /// Folds of `side` that cover the loop, in all tiles and cores.
  double pixel_folds(std::int64_t side) const {
    return folds(cuts_.pixels, DividedLoop::kPixels, side);
  }
  double output_folds(std::int64_t side) const {
    return folds(cuts_.outputs, DividedLoop::kOutputs, side);
  }
  double depth_folds(std::int64_t side) const {
    return sum_over(cuts_.depth, [&](std::int64_t n) { return entries_of(ceil_div(n, side)); });
  }
  /// Times that an operand which does not depend on the loop is loaded into an array: for every
  /// tile and core, or once a core.
  double pixel_visits() const { return pixel_folds(kWhole); }
  double output_visits() const { return output_folds(kWhole); }
  double pixel_cores() const { return cores(cuts_.pixels, DividedLoop::kPixels); }
  double output_cores() const { return cores(cuts_.outputs, DividedLoop::kOutputs); }

  /// Elements in tiles whose part of a core fits in one fold.
  double single_groups() const {
    return sum_over(groups_, [&](std::int64_t n) {
      return share(n, DividedLoop::kGroups) == 1 ? entries_of(n) : 0.0;
    });
  }
  double single_pixels(std::int64_t side) const {
    return within(cuts_.pixels, DividedLoop::kPixels, side);
  }
  double single_outputs(std::int64_t side) const {
    return within(cuts_.outputs, DividedLoop::kOutputs, side);
  }
  double single_depth(std::int64_t side) const {
    return sum_over(cuts_.depth, [&](std::int64_t n) { return n <= side ? entries_of(n) : 0.0; });
  }

 private:
  static constexpr std::int64_t kWhole = std::int64_t{1} << 62;

  std::int64_t share(std::int64_t size, DividedLoop loop) const {
    return division_.loop == loop ? ceil_div(size, division_.num_cores) : size;
  }
  double folds(const LoopCut& cut, DividedLoop loop, std::int64_t side) const {
    return sum_over(cut, [&](std::int64_t size) {
      const std::int64_t part = share(size, loop);
      const std::int64_t num_full = size / part;  // cores with a whole part
      return entries_of(num_full) * entries_of(ceil_div(part, side)) +
             entries_of(ceil_div(size % part, side));
    });
  }
  double cores(const LoopCut& cut, DividedLoop loop) const {
    const std::int64_t first = cut.range(0).size();
    return entries_of(ceil_div(first, share(first, loop)));
  }
  double within(const LoopCut& cut, DividedLoop loop, std::int64_t side) const {
    return sum_over(
        cut, [&](std::int64_t size) { return share(size, loop) <= side ? entries_of(size) : 0.0; });
  }

  const Division division_;
  const LoopCut groups_;
  const LoopCuts& cuts_;
};

bool is_on_array(const TileProblem& problem, const SystolicConfig& core) {
  return problem.op() == Op::kConv2d || problem.op() == Op::kFullyConnected ||
         (problem.op() == Op::kDepthwiseConv2d && !core.depthwise_on_vector);
}

/// Operations of the vector unit after the products, with their operands.
void add_fused(const TileProblem& problem, bool on_array, AccessCounts& counts) {
  const double outputs = entries_of(problem.extent().num_outputs());
  const double bytes = outputs * entries_of(problem.element_bytes());
  const bool is_extra = problem.has_second() && (on_array || problem.extent().depth > 1);
  const double operations = (is_extra ? 1.0 : 0.0) + entries_of(problem.more_operations());
  counts.vector_operations += operations * outputs;
  if (operations > 0.0) {
    counts.output_reads += bytes;
    counts.output_writes += bytes;
  }
  if (problem.has_second()) counts.output_reads += bytes;
}

/// Operations of a layer without MACs on the array.
AccessCounts vector_counts(const TileProblem& problem) {
  const TileExtent& e = problem.extent();
  AccessCounts counts;
  counts.vector_operations =
      entries_of(e.num_outputs()) * entries_of(e.depth) * entries_of(problem.operations());
  const double bytes = entries_of(e.num_outputs()) * entries_of(problem.element_bytes());
  counts.input_reads = bytes * entries_of(e.depth);
  if (problem.has_weights()) counts.weight_reads = counts.input_reads;
  counts.output_writes = bytes;
  return counts;
}

std::int64_t rounded(double value) {
  constexpr double kMost = 1152921504606846976.0;  // 2^60, the limit of a trace
  return std::llround(std::min(value, kMost));
}

void add_to(TraceRow& row, const AccessCounts& counts) {
  row.array_macs += rounded(counts.array_macs);
  row.vector_operations += rounded(counts.vector_operations);
  row.input_buffer_read_bytes += rounded(counts.input_reads);
  row.weight_buffer_read_bytes += rounded(counts.weight_reads);
  row.output_buffer_read_bytes += rounded(counts.output_reads);
  row.output_buffer_write_bytes += rounded(counts.output_writes);
}

AccessCounts counts_of(const TiledLayer& layer, const StepCost& cost, const SystolicConfig& core) {
  return access_counts(layer, cost, core);
}
AccessCounts counts_of(const TiledLayer& layer, const StepCost& /*cost*/,
                       const VectorConfig& core) {
  return access_counts(layer, core);
}

template <typename Core>
void add_tiled(const TiledProgram& program, const Core& core, std::vector<TraceRow>& rows) {
  for (const TiledLayer& layer : program.layers)
    add_to(rows[static_cast<std::size_t>(layer.program_layer)],
           counts_of(layer, *program.cost, core));
}

/// An issue slot reads a row of FMEM, which all CIMs share, and a row of each CIM's WMEM bank, or
/// one of the extended bank. CIMs without an output channel in a pass read nothing.
void add_midap(const MidapProgram& program, const MidapConfig& core, std::vector<TraceRow>& rows) {
  for (const MidapLayer& layer : program.layers) {
    TraceRow& row = rows[static_cast<std::size_t>(layer.program_layer)];
    const double entries = entries_of(row.compute_cycles) * entries_of(core.system_width);
    AccessCounts counts;
    counts.input_reads = entries;
    if (layer.on_cims()) {
      const std::int64_t passes = ceil_div(row.oc, core.num_cims);
      counts.weight_reads =
          entries * entries_of(row.oc) / entries_of(std::max<std::int64_t>(passes, 1));
    } else if (layer.weights.present) {
      counts.weight_reads = entries;
    }
    if (row.effective_macs > 0) {
      counts.array_macs = entries_of(row.effective_macs);
    } else {
      counts.vector_operations = entries;
    }
    const double outputs =
        entries_of(row.batch) * entries_of(row.oc) * entries_of(row.oh) * entries_of(row.ow);
    counts.output_writes = std::max(0.0, outputs - entries_of(row.dram_write_bytes));
    add_to(row, counts);
  }
}

void add_to_rows(const Program& program, const MidapConfig& core, std::vector<TraceRow>& rows) {
  add_midap(std::get<MidapProgram>(program.core), core, rows);
}
template <typename Core>
void add_to_rows(const Program& program, const Core& core, std::vector<TraceRow>& rows) {
  add_tiled(std::get<TiledProgram>(program.core), core, rows);
}

}  // namespace

AccessCounts access_counts(const TiledLayer& layer, const StepCost& cost,
                           const SystolicConfig& core) {
  const TileProblem& problem = layer.problem;
  AccessCounts counts;
  if (!is_on_array(problem, core)) {
    counts = vector_counts(problem);
    add_fused(problem, false, counts);
    return counts;
  }
  const LoopCuts cuts = cuts_of(problem, layer.tiling);
  const Loops loops(layer, cuts);
  const double groups = loops.groups();
  const double pixels = loops.pixels();
  const double outputs = loops.outputs();
  const double depth = loops.depth();
  const double results = groups * pixels * outputs;
  const double element = entries_of(problem.element_bytes());
  const double sum = entries_of(core.accumulator_bytes);
  counts.array_macs = results * depth;
  // A tile of one fold leaves its operand in the array for the next tile of the same operand.
  const double stays =
      keeps_stationary(cuts, layer.tiling, cost.stationary(problem)) ? loops.single_groups() : 0.0;
  // Sums leave the array once for each fold of depth, and are added to those in the buffer.
  const auto accumulate = [&] {
    const double folds = loops.depth_folds(core.rows);
    counts.output_writes = results * folds * sum;
    counts.output_reads = results * (folds - 1.0) * sum;
  };
  switch (core.dataflow) {
    case Dataflow::kOutputStationary: {
      counts.input_reads = element * groups * pixels * depth * loops.output_folds(core.cols);
      counts.weight_reads = element * groups * outputs * depth * loops.pixel_folds(core.rows);
      const double in_array =
          stays * loops.single_pixels(core.rows) * loops.single_outputs(core.cols);
      const double partial =
          (results - in_array) * entries_of(cuts.trips.depth - 1) * sum;  // between tiles of depth
      counts.output_reads = partial;
      counts.output_writes = partial + results * element;
      break;
    }
    case Dataflow::kWeightStationary: {
      counts.input_reads = element * groups * pixels * depth * loops.output_folds(core.cols);
      const double in_array =
          stays * loops.single_outputs(core.cols) * loops.single_depth(core.rows);
      counts.weight_reads =
          element * ((groups * outputs * depth - in_array) * loops.pixel_visits() +
                     in_array * loops.pixel_cores());
      accumulate();
      break;
    }
    case Dataflow::kInputStationary: {
      counts.weight_reads = element * groups * outputs * depth * loops.pixel_folds(core.cols);
      const double in_array =
          stays * loops.single_pixels(core.cols) * loops.single_depth(core.rows);
      counts.input_reads = element * ((groups * pixels * depth - in_array) * loops.output_visits() +
                                      in_array * loops.output_cores());
      accumulate();
      break;
    }
  }
  add_fused(problem, true, counts);
  return counts;
}

AccessCounts access_counts(const TiledLayer& layer, const VectorConfig& core) {
  const TileProblem& problem = layer.problem;
  const TileExtent& e = problem.extent();
  const double products = entries_of(e.num_outputs()) * entries_of(e.depth);
  const double element = entries_of(problem.element_bytes());
  AccessCounts counts;
  switch (problem.op()) {
    case Op::kConv2d:
    case Op::kFullyConnected: {
      const bool over_pixels = core.lane_axis == LaneAxis::kPixels && problem.op() == Op::kConv2d;
      const std::int64_t across = over_pixels ? e.pixels : e.outputs;  // in lanes
      const std::int64_t along = over_pixels ? e.outputs : e.pixels;   // that share a vector
      const double of_lanes = element * products / std::min(kOperandReuse, entries_of(along));
      const double shared = element * products / entries_of(std::min(core.lanes, across));
      counts.array_macs = products;
      counts.input_reads = over_pixels ? of_lanes : shared;
      counts.weight_reads = over_pixels ? shared : of_lanes;
      counts.output_writes = element * entries_of(e.num_outputs());
      break;
    }
    case Op::kDepthwiseConv2d:
      counts.array_macs = products;
      counts.input_reads = element * products / kOperandReuse;
      counts.weight_reads = element * products / std::min(kOperandReuse, entries_of(e.pixels));
      counts.output_writes = element * entries_of(e.num_outputs());
      break;
    default:
      counts = vector_counts(problem);
  }
  const std::int64_t trips = ceil_div(e.depth, layer.tiling.tile.depth);
  if (trips > 1) {  // partial sums
    const double sums =
        entries_of(e.num_outputs()) * entries_of(trips - 1) * entries_of(core.accumulator_bytes);
    counts.output_writes += sums;
    counts.output_reads += sums;
  }
  add_fused(problem, counts.array_macs > 0.0, counts);
  return counts;
}

void add_accesses(const Program& program, const HardwareConfig& hardware,
                  std::vector<TraceRow>& rows) {
  std::visit([&](const auto& core) { add_to_rows(program, core, rows); }, hardware.core);
}

}  // namespace tilewake
