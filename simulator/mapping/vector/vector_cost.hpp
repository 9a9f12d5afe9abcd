// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simulator/hardware/vector_config.hpp"
#include "simulator/mapping/tiled/step_cost.hpp"

namespace tilewake::vector {

/// Direct loops over vectors of `lanes` results. With L lanes and dot products of length d:
///
/// | op | vectors of results | instructions of the inner loop for each |
/// |---|---|---|
/// | conv2d, lanes over channels | pixels x ceil(outputs / L) a group | kh ceil(kw ic / d) |
/// | conv2d, lanes over pixels | ceil(pixels / L) x outputs a group | the same |
/// | fully_connected | images x ceil(outputs / L) | ceil(depth / d) |
/// | depthwise_conv2d, pools | results / L, as above | taps of the window |
/// | global_avg_pool | images x ceil(channels / L) | pixels of the map |
/// | reduce | ceil(results / L) | all of them: elements of the input / (L x cores) |
/// | element-wise ops, copies | ceil(results / L) | 1 |
/// | resize | ceil(results / L) | pixels that a result depends on |
/// | softmax, norms | ceil(results / L) | operations an element (TileProblem) |
///
/// A fused operand takes one instruction more for each vector, an activation those of its class
/// (`activation_operations`).
///
/// Dot products do not help a depthwise convolution: neighbours in its window are not adjacent in
/// memory.
///
/// `relative_speed` multiplies the efficiency of 1 x 1 and of grouped convolutions: libraries
/// prepare the windows of others, and engines keep partial sums of 1 x 1 and larger windows
/// differently. The product is at most 1.
///
/// With `winograd`, the inner loops of a 3 x 3 convolution of stride 1 take 1 / speedup of their
/// cycles (2.25 for F(2x2, 3x3): Lavin, Gray, "Fast Algorithms for Convolutional Neural Networks",
/// 2016); the transforms are part of the speedup, and weights that grow to 4 x 4 taps are not
/// modelled.
///
/// The vectors are distributed over the cores; the core with the most vectors determines the time.
/// A vector takes instructions / efficiency + loop_cycles; a step takes issue_cycles more. This is
/// our own model: published figures of such processors are peaks; efficiencies state how close to
/// the peak code runs.
class VectorCost : public StepCost {
 public:
  explicit VectorCost(const VectorConfig& config) : c_(config) {}

  std::int64_t cycles(const TileProblem& problem, const TileExtent& extent,
                      const TileContext& context) const override;
  std::int64_t least_cycles(const TileProblem& problem) const override;
  std::int64_t least_step_cycles() const override { return c_.issue_cycles; }
  TileExtent granularity(const TileProblem& problem) const override;
  Stationary stationary(const TileProblem&) const override { return Stationary::kNone; }
  bool accumulates(const TileProblem&, const TileExtent&) const override { return false; }

 private:
  /// Of the inner loop of a convolution, relative to a direct one at the peak; above 1 for
  /// Winograd.
  double conv_efficiency(const TileProblem& problem) const;
  std::int64_t loop_nest_cycles(std::int64_t num_vectors, std::int64_t instructions,
                                double efficiency) const;

  VectorConfig c_;
};

}  // namespace tilewake::vector
