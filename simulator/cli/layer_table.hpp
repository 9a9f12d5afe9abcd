// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "simulator/network/network.hpp"
#include "simulator/trace/summary.hpp"
#include "simulator/trace/trace_row.hpp"

namespace tilewake {

/// A run for people: what bounds the network and its slowest layers, a table with one line per
/// layer, and the totals.
///   @param max_columns  of a line of the table; 0: any number
std::string run_table(const Summary& summary, const std::vector<TraceRow>& rows, bool color,
                      std::size_t max_columns = 0);

/// Shapes, parameters and MACs of a network, one line per layer, in the order of its file.
std::string network_table(const Network& network, bool color, std::size_t max_columns = 0);

/// The largest part of the layer's cycles: "compute", "set-up", "DRAM" or "write".
std::string bound_of(const TraceRow& row);

}  // namespace tilewake
