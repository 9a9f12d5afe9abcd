// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "simulator/network/network.hpp"
#include "simulator/trace/trace_csv.hpp"

namespace tilewake {

/// What a trace says of one network on one machine.
struct Measurement {
  Network network;                 // rebuilt; activations, which are not recorded, are kNone
  std::string machine;             // machine_id()
  std::string version;             // of the tool that measured it
  std::span<const TraceRow> rows;  // one a layer, in execution order; they belong to the trace
  std::size_t first_row = 0;       // where `rows` begin in the trace, for TraceFile::fail
};

/// The measurements of a trace, in its order, each with the network that was measured.
///
/// The rows are untrusted: a NetworkBuilder makes the networks, and whatever a row says of its
/// layer must be what describe_layer says of the one that was made of it. Throws InputError
/// `file:line: column: what` where that fails, and where a layer has no row.
std::vector<Measurement> measurements_of(const TraceFile& trace);
std::vector<Measurement> measurements_of(TraceFile&& trace) = delete;  // `rows` would dangle

/// Sets the fields of `row` that tell what network.layers[index] is, and leaves the others.
void describe_layer(const Network& network, int index, TraceRow& row);

}  // namespace tilewake
