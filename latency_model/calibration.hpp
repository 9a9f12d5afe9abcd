// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "latency_model/dataset.hpp"
#include "latency_model/latency_model.hpp"

namespace tilewake {

struct CalibrationOptions {
  int num_folds = 5;          // at least 2; limited to the number of networks
  std::uint64_t seed = 1;     // assigns networks to folds
  bool keep_holdout = false;  // fill Calibration::holdout_layers
};

struct Calibration {
  LatencyModel model;  // fitted to all measurements; `holdout` is from the folds
  Evaluation train;    // errors of the final model on its training data
  // One line each: "conv2d: weight_wait is 1.72 cycles per ..., plausible range 0.8 to 1.2".
  std::vector<std::string> warnings;
  // With keep_holdout: every layer, predicted by the fit that its fold was held out from. Without
  // features.
  std::vector<Case> holdout_layers;
};

/// Fits coefficients per op class: non-negative least squares on relative error. RobustFit limits
/// the influence of outliers on the fit; the evaluation counts them in full.
///
/// The error is relative to the measured cycles, or to the expected ones if they are more. This
/// bounds the weight of a layer: one with 10 measured and 1,000 expected cycles would otherwise
/// count a hundredfold (leverage: Mallows, "On Some Topics in Robustness", 1975).
///
/// A coefficient without evidence stays near its expected value: 1, or the plausible value nearest
/// to 1. This applies to a class without measurements or with fewer layers than coefficients, to a
/// feature that is non-zero in one network only, and to features that are collinear. The prior
/// weighs as much as one measured layer with the feature at a thousandth of its cycles.
///
/// The caller fills in `set` and `seed` of `provenance`; calibrate() fills in the rest.
///
/// Throws InputError for fewer than 2 networks or 20 layers. The caller compares
/// holdout.layers.mape with holdout.roofline_mape and rejects a model that is less accurate.
Calibration calibrate(const HardwareConfig& hardware, const FeatureExtractor& extractor,
                      const Dataset& dataset, const Provenance& provenance,
                      const CalibrationOptions& options);

}  // namespace tilewake
