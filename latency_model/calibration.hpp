// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "latency_model/dataset.hpp"
#include "latency_model/latency_model.hpp"

namespace tilewake {

struct CalibrationOptions {
  int num_folds = 5;       // at least 2; as many as there are networks, if those are fewer
  std::uint64_t seed = 1;  // which network is in which fold
};

struct Calibration {
  LatencyModel model;  // fitted on everything; `holdout` is from the folds
  Evaluation train;    // of the final model on what it was fitted on
  // "conv2d: weight_wait is 1.72 cycles per ..., plausible are 0.8 to 1.2", one line each.
  std::vector<std::string> warnings;
};

/// Fits coefficients per op class: non-negative least squares on relative error, in which the few
/// layers that follow no formula are outvoted (RobustFit). They count in full in the evaluation.
///
/// An error is a share of the cycles measured, or of those expected if they are more. So a layer
/// has one vote: one of 10 cycles of which the formulas expect 1,000 would have a hundred
/// (leverage: Mallows, "On Some Topics in Robustness", 1975).
///
/// A coefficient that the measurements say nothing about (a class that never came, or in fewer
/// layers than it has coefficients, a feature that was 0 in it in all networks but one, two
/// features that always grew together) stays near 1, or near the plausible value next to 1: the
/// formula is believed until something speaks against it. That belief weighs as much as one
/// measured layer of whose cycles the feature is a thousandth.
///
/// Of `provenance`, `set` and `seed` are the caller's; the rest is filled in.
///
/// Throws InputError where there are fewer than 2 networks or 20 layers. The caller
/// compares holdout.layers.mape with holdout.roofline_mape and refuses a loser.
Calibration calibrate(const HardwareConfig& hardware, const FeatureExtractor& extractor,
                      const Dataset& dataset, const Provenance& provenance,
                      const CalibrationOptions& options);

}  // namespace tilewake
