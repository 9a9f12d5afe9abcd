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
  double roofline_cycles = 0.0;  // of the plain roofline
};

/// The measurements that a model is fitted to and tested on.
struct Dataset {
  std::vector<std::string> networks;  // not unique; networks of one name share a fold
  std::vector<Sample> samples;        // layers that take cycles, network by network
};

/// Appends the measurements of `network`. Rows are matched by layer name; layers that take no
/// cycles are skipped. Throws InputError, and appends nothing, unless each layer has exactly one
/// row with the same op, shapes and fusion: otherwise the trace is of another network, machine or
/// tool.
void add_measurement(Dataset& dataset, const FeatureExtractor& extractor,
                     const HardwareConfig& hardware, const Network& network,
                     const std::vector<TraceRow>& rows);

}  // namespace tilewake
