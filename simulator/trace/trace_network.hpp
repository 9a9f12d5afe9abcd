// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "simulator/network/network.hpp"
#include "simulator/trace/trace_csv.hpp"

namespace tilewake {

/// The measurement of one network on one machine.
struct Measurement {
  Network network;                 // rebuilt; activations are not recorded, so they are kNone
  std::string machine;             // machine_id()
  std::string version;             // of the tool that simulated it
  std::span<const TraceRow> rows;  // one per layer, in execution order; owned by the trace
  std::size_t first_row = 0;       // index of rows[0] in the trace, for TraceFile::fail
};

/// The measurements of a trace, in file order, each with its network rebuilt.
///
/// The rows are untrusted: each network is built by NetworkBuilder, and every row must equal
/// describe_layer of the rebuilt layer. Throws InputError `file:line: column: message` otherwise,
/// and if a layer has no row.
std::vector<Measurement> measurements_of(const TraceFile& trace);
std::vector<Measurement> measurements_of(TraceFile&& trace) = delete;  // `rows` would dangle

/// Sets the fields of `row` that describe network.layers[index]; leaves the others unchanged.
void describe_layer(const Network& network, int index, TraceRow& row);

}  // namespace tilewake
