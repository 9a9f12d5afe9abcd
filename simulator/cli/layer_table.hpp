// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "simulator/network/network.hpp"
#include "simulator/trace/summary.hpp"
#include "simulator/trace/trace_row.hpp"

namespace tilewake {

/// The table of a run: the cycles of each layer, one line per layer, and the totals.
std::string run_table(const Summary& summary, const std::vector<TraceRow>& rows, bool color);

/// Shapes, parameters and MACs of a network, one line per layer, in the order of its file.
std::string network_table(const Network& network, bool color);

/// The largest part of the layer's cycles: "compute", "set-up", "DRAM" or "write".
std::string bound_of(const TraceRow& row);

}  // namespace tilewake
