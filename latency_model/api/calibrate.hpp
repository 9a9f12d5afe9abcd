// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "latency_model/calibration.hpp"
#include "latency_model/calibration_set.hpp"
#include "simulator/api/inputs.hpp"

namespace tilewake {

struct CalibrateOptions {
  /// layers.csv of runs, or their directories: fit to these instead of designed networks.
  std::vector<std::string> traces;
  /// With traces: use designed networks as well.
  bool designed = false;
  int num_networks = CalibrationSet::kDefaultSize;  // designed, at least 1
  int num_folds = 5;                                // of the hold-out, at least 2
  std::uint64_t seed = 1;                           // of designed networks and folds, below 2^63
  bool keep_holdout = false;                        // fill Calibration::holdout_layers
  /// Called before the first and after each designed network; false ends the calibration, which
  /// then throws Interrupted.
  std::function<bool(int done, int total)> keep_going;
};

struct CalibrationResult {
  Calibration calibration;  // the model, its errors on held-out networks, its odd coefficients
  int num_networks = 0;     // designed
  std::vector<std::string> left_out;  // "network: why the machine cannot hold it"
  double measure_seconds = 0.0;       // wall time
  double fit_seconds = 0.0;
};

/// Fits a latency model to a machine: simulates networks that are designed for it, or reads traces,
/// and tests the model on held-out networks. Writes no file.
///
///   const auto machine = tilewake::read_machine("midap");
///   const tilewake::LatencyModel model = tilewake::calibrate(machine).calibration.model;
///
/// Throws InputError for a trace of another machine or version (`file:line: column: what`) and
/// where there are fewer than 2 networks or 20 layers; Interrupted.
CalibrationResult calibrate(const Machine& machine, const CalibrateOptions& options = {});

}  // namespace tilewake
