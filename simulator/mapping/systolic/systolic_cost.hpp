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
/// `overlap_folds`: then the next fold is prepared while one streams, which takes R cycles (weights
/// in, or sums out), so a fold takes max(T, R) and fill and skew count once a layer. A step whose
/// single fold is the one of the step before goes on streaming. Output stationary sums of another
/// step go back into the array before their depth goes on: R cycles more a fold. Closed form of the first table:
/// SCALE-Sim v2 (commit 22f88b1) prints it less 1, the index of the last cycle.
///
/// Streaming is slower than a wave a cycle where a buffer's ports deliver less than the array takes:
/// T grows by ceil(bytes a wave / bytes a cycle), the largest of the streams'. Grouped convolutions
/// run group by group; depthwise ones too, so a channel takes one column. Bias, activation and
/// rounding happen as sums leave the array. Fused and other operations take
/// ceil(operations / lanes) of the vector unit, behind the array's work.
class SystolicCost : public StepCost {
 public:
  explicit SystolicCost(const SystolicConfig& config) : c_(config) {}

  std::int64_t cycles(const TileProblem& problem, const TileExtent& extent,
                      const StepContext& context) const override;
  TileExtent granularity(const TileProblem& problem) const override;
  Stationary stationary(const TileProblem& problem) const override;
  bool accumulates(const TileProblem& problem, const TileExtent& extent) const override;

 private:
  struct Folding;

  bool runs_on_array(const TileProblem& problem) const;
  std::int64_t array_cycles(const TileExtent& extent, const StepContext& context) const;
  Folding fold(const TileExtent& extent) const;

  SystolicConfig c_;
};

}  // namespace tilewake::systolic
