// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "latency_model/calibration_set.hpp"
#include "latency_model/dataset.hpp"
#include "latency_model/features/feature_extractor.hpp"
#include "simulator/engine/simulator.hpp"
#include "simulator/hardware/hardware_config.hpp"

namespace tilewake {

/// Where the measurements of a machine come together.
struct Measurements {
  const HardwareConfig& hardware;
  const FeatureExtractor& extractor;
  Dataset dataset;
};

/// Adds the rows of a trace file, or of layers.csv in the directory of a run, and returns where its
/// last one stands ("file:line"). Throws InputError `file:line: column: what`, also if it is of
/// another machine or another version of the tool.
std::string add_trace(Measurements& measurements, const std::string& path);

/// Simulates `set`, network by network, and adds its rows. The first interrupt lets the current
/// network end; what was simulated is kept for the next run, and the process ends.
///   @param simulator   of the same machine; a process has one
///   @param cache_path  a TraceCache; empty for none
void add_simulations(Measurements& measurements, Simulator& simulator, const CalibrationSet& set,
                     const std::string& cache_path);

}  // namespace tilewake
