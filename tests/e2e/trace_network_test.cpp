// SPDX-License-Identifier: Apache-2.0
#include "simulator/trace/trace_network.hpp"

#include <sstream>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "simulator/api/simulation.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "tests/support/mapped_networks.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

TEST(TraceNetworkTest, TheNetworkOfATraceLeavesTheSameTrace) {
  NetworkSimulator midap(shipped_machine("midap"));
  std::vector<TraceRow> rows;
  for (const auto& [network, program] : map_networks(midap.hardware(), 60)) {
    for (TraceRow& row : midap.run(network, program).rows) {
      row.machine = machine_id(midap.hardware());
      rows.push_back(std::move(row));
    }
  }
  std::istringstream stream(trace_csv(rows));
  const TraceFile trace = read_trace(stream, "layers.csv");
  EXPECT_EQ(trace.rows, rows);
  for (const Measurement& measurement : measurements_of(trace)) {
    std::vector<TraceRow> again = midap.run(measurement.network).rows;
    for (TraceRow& row : again) row.machine = measurement.machine;
    EXPECT_EQ(trace_csv(again), trace_csv({measurement.rows.begin(), measurement.rows.end()}));
  }
}

}  // namespace
}  // namespace tilewake
