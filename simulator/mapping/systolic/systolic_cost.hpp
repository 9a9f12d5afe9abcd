// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simulator/hardware/systolic_config.hpp"
#include "simulator/mapping/tiled/step_cost.hpp"

namespace tilewake::systolic {

/// A matrix product of `pixels` x `depth` x `outputs` as folds of the array.
///
/// | dataflow | fold rows x cols cover | streams T | ends after T + |
/// |---|---|---|---|
/// | output_stationary | pixels x outputs | depth | R + A - 2: the skew of operands and array |
/// | weight_stationary | depth x outputs | pixels | R + (R + A - 2): first the weights |
/// | input_stationary | depth x pixels | outputs | the same |
///
/// with R rows and A columns. A step runs its folds one after another. With `overlap_folds`, the
/// stationary operand is exchanged (the next one loaded, or the last sums unloaded) while another
/// fold streams. The exchange takes R cycles, so folds follow each other every max(T, R) cycles,
/// and fill and skew count once per layer. No operand follows a layer's last fold; no sums precede
/// its first one. A step whose single fold equals that of the previous step continues streaming.
/// `fold_cycles` count for every fold that a step begins, also with `overlap_folds`. Partial sums
/// are accumulated in the output buffer as they leave. SCALE-Sim v2 (commit 22f88b1)
/// has the closed forms of the table, less 1 (the index of the last cycle). As there, stationary
/// sums are done when the last one is complete: unloading them counts only if it delays the next
/// fold.
///
/// Streaming takes more than one cycle per wave if the ports of a buffer deliver less than the
/// array consumes: T grows by ceil(bytes per wave / bytes per cycle), the maximum over the streams,
/// with waves as wide as the step's widest fold. R of the exchange grows likewise by a row of the
/// stationary operand, as wide as the layer's widest fold. Grouped convolutions run group by group,
/// also depthwise ones, so a channel takes one column. Bias and rounding are applied as sums leave
/// the array. Fused and other operations take ceil(operations / lanes) cycles of the vector unit,
/// after the array's work: for an output 1 for a fused operand, and those of its activation
/// (`activation_operations`); without the array also depth x operations of the op (TileProblem).
///
/// Several cores divide every tile (Division). They run their parts at the same time, and the next
/// step begins when the core with the largest part has ended. Each has an array, a vector unit and
/// ports of its own.
class SystolicCost : public StepCost {
 public:
  explicit SystolicCost(const SystolicConfig& config) : c_(config) {}

  std::int64_t cycles(const TileProblem& problem, const TileExtent& extent,
                      const TileContext& context) const override;
  std::int64_t least_cycles(const TileProblem& problem) const override {
    return least_of(problem, Rate::kLeast);
  }
  std::int64_t full_rate_cycles(const TileProblem& problem) const override {
    return least_of(problem, Rate::kFull);
  }
  std::int64_t vector_unit_cycles(const TileProblem& problem, const TileExtent& tile,
                                  const TileContext& context) const override;
  std::int64_t num_cores() const override { return c_.num_cores; }
  TileExtent granularity(const TileProblem& problem) const override;
  Stationary stationary(const TileProblem& problem) const override;
  bool accumulates(const TileProblem& problem, const TileExtent& extent) const override;

 private:
  struct Folding;
  enum class Rate { kFull, kLeast };  // without and with what surrounds the folds

  bool runs_on_array(const TileProblem& problem) const;
  std::int64_t least_of(const TileProblem& problem, Rate rate) const;
  std::int64_t least_of(const TileProblem& problem, Rate rate, const Division& division) const;
  // Of one core: `whole` is its part of the layer, `extent` that of the step.
  std::int64_t array_cycles(const TileExtent& whole, const TileExtent& extent,
                            const TileContext& context) const;
  Folding fold(const TileExtent& whole, const TileExtent& extent) const;
  /// Of all rows of the stationary operand.
  std::int64_t exchange_cycles(const TileExtent& whole, bool complete_sums) const;

  SystolicConfig c_;
};

}  // namespace tilewake::systolic
