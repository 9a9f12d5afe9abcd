// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "latency_model/dataset.hpp"
#include "latency_model/latency_model.hpp"

namespace tilewake {

struct CalibrationOptions {
  int num_folds = 5;       // at least 2
  std::uint64_t seed = 1;  // which network is in which fold
};

struct Calibration {
  LatencyModel model;  // fitted on everything; `holdout` is from the folds
  Evaluation train;    // of the final model on what it was fitted on
  // "conv2d: weight_wait is 1.72 cycles per ..., plausible are 0.8 to 1.2", one line each.
  std::vector<std::string> remarks;
};

/// Fits coefficients per op class: non-negative least squares on relative error.
///
/// A coefficient that the measurements say nothing about (a class that never came, a feature that
/// was always 0 in it, two features that always grew together) stays near 1, or near the plausible
/// value next to 1: the formula is believed until something speaks against it. That belief weighs
/// as much as one measured layer of whose cycles the feature is a thousandth.
///
/// Of `provenance`, `set` and `seed` are the caller's; the rest is filled in.
///
/// Throws InputError where there are too few rows or networks to fit and to hold out. The caller
/// compares holdout.layers.mape with holdout.roofline_mape and refuses a loser.
Calibration calibrate(const HardwareConfig& hardware, const FeatureExtractor& extractor,
                      const Dataset& dataset, const Provenance& provenance,
                      const CalibrationOptions& options);

}  // namespace tilewake
