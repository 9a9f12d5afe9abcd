// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "latency_model/energy_model.hpp"
#include "latency_model/features/feature_extractor.hpp"
#include "simulator/hardware/hardware_config.hpp"
#include "simulator/network/network.hpp"
#include "simulator/trace/trace_row.hpp"

namespace tilewake {

/// A measured layer.
struct Sample {
  int network = 0;  // index into Dataset::networks
  std::string layer;
  LayerFeatures features;
  double cycles = 0.0;           // measured, > 0
  double roofline_cycles = 0.0;  // of the plain roofline
  EnergyTerms energy_counts{};
  double energy_uj = 0.0;  // simulated; 0 in traces of format 5
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
///   @param program  of the network on this machine, if it is known: saves mapping it again
void add_measurement(Dataset& dataset, const FeatureExtractor& extractor,
                     const HardwareConfig& hardware, const Network& network,
                     const std::vector<TraceRow>& rows, const Program* program = nullptr);

/// Cycles of a layer by peak figures only: the baseline that the model must beat.
///
///   cycles = max(effective MACs / peak MACs per cycle, bytes / peak bytes per cycle)
///   bytes  = all inputs (of a channel_split, its output size) + weights + output, one byte per
///            element, each moved once
///
/// A layer without MACs has the second term only. Biases, partly filled arrays, on-chip residency
/// and latencies are ignored.
///
/// Source: Williams, Waterman, Patterson, "Roofline: An Insightful Visual Performance Model for
/// Multicore Architectures", CACM 52(4), 2009.
double roofline_cycles(const HardwareConfig& hardware, const Network& network, const Layer& layer);

/// The fold 0..num_folds-1 of each network, for k-fold hold-out. Networks of one name share a fold,
/// so that a network traced twice is not predicted from itself. Fold sizes differ by at most one
/// name. Folds depend on the set of names and the seed only.
std::vector<int> network_folds(const std::vector<std::string>& networks, int num_folds,
                               std::uint64_t seed);

}  // namespace tilewake
