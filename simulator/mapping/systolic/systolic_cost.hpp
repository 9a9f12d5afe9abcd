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
/// with R rows and A columns. A step takes all its folds one after another, unless
/// `overlap_folds`: then what stays is exchanged while another fold streams (the next operand
/// comes, or the last sums go), which takes R cycles, so folds follow each other every max(T, R)
/// cycles and fill and skew count once a layer. A layer's last fold is not followed by an operand,
/// its first one not preceded by sums. A step whose single fold is the one of the step before goes
/// on streaming. Partial sums are added up in the output buffer, as they leave. Closed form of the
/// first table: SCALE-Sim v2 (commit 22f88b1) prints it less 1, the index of the last cycle. As
/// there, sums that stay are done when the last one is complete: what they take to leave the array
/// counts only where it keeps the next fold waiting.
///
/// Streaming is slower than a wave a cycle where a buffer's ports deliver less than the array
/// takes: T grows by ceil(bytes a wave / bytes a cycle), the largest of the streams', with waves as
/// wide as the step's widest fold. Likewise R of the exchange by that of a row of what stays, as
/// wide as the layer's widest fold. Grouped convolutions run group by group; depthwise ones too, so
/// a channel takes one column. Bias, activation and rounding happen as sums leave the array. Fused
/// and other operations take ceil(operations / lanes) of the vector unit, behind the array's work.
class SystolicCost : public StepCost {
 public:
  explicit SystolicCost(const SystolicConfig& config) : c_(config) {}

  std::int64_t cycles(const TileProblem& problem, const TileExtent& extent,
                      const TileContext& context) const override;
  TileExtent granularity(const TileProblem& problem) const override;
  Stationary stationary(const TileProblem& problem) const override;
  bool accumulates(const TileProblem& problem, const TileExtent& extent) const override;

 private:
  struct Folding;

  bool runs_on_array(const TileProblem& problem) const;
  std::int64_t array_cycles(const TileProblem& problem, const TileExtent& extent,
                            const TileContext& context) const;
  Folding fold(const TileProblem& problem, const TileExtent& extent) const;
  /// Of all rows of what stays.
  std::int64_t exchange_cycles(const TileProblem& problem, bool complete_sums) const;

  SystolicConfig c_;
};

}  // namespace tilewake::systolic
