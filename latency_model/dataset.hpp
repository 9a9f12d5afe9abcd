// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "latency_model/features/feature_extractor.hpp"
#include "simulator/trace/trace_row.hpp"

namespace tilewake {

/// A measured layer.
struct Sample {
  int network = 0;  // index into Dataset::networks
  std::string layer;
  LayerFeatures features;
  double cycles = 0.0;           // measured, > 0
  double roofline_cycles = 0.0;  // what the plain roofline says
};

/// What a model is fitted on and tested with.
struct Dataset {
  std::vector<std::string> networks;  // a name may come twice: then both are in the same fold
  std::vector<Sample> samples;        // layers that take cycles, network by network
};

/// Appends what was measured of `network`; rows are found by layer name, and layers that take no
/// cycles are skipped. Throws InputError, and appends nothing, unless each layer has one row that
/// tells of the same op, shapes and fusion: else the trace is of another network, machine or tool.
void add_measurement(Dataset& dataset, const FeatureExtractor& extractor,
                     const HardwareConfig& hardware, const Network& network,
                     const std::vector<TraceRow>& rows);

}  // namespace tilewake
