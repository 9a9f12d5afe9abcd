// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "simulator/network/network.hpp"
#include "simulator/trace/summary.hpp"
#include "simulator/trace/trace_row.hpp"

namespace tilewake {

/// What a run shows first: where every cycle went, a line a layer, and the whole run in the last.
std::string run_table(const Summary& summary, const std::vector<TraceRow>& rows, bool color);

/// What a network asks for, a line a layer, in the order of its file.
std::string network_table(const Network& network, bool color);

/// What most of the layer's cycles went to: "compute", "set-up", "DRAM" or "write".
std::string bound_of(const TraceRow& row);

}  // namespace tilewake
