// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "simulator/api/simulation.hpp"
#include "simulator/network/network_yaml.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

using LayerCycles = std::vector<std::pair<std::string, std::int64_t>>;  // execution order

TEST(MidapRandomGraphsSweep, EveryLayerTakesTheCyclesOfTheReference) {
  NetworkSimulator midap(shipped_machine("midap"));
  std::istringstream lines(read_file(source_path("tests/reference/midap_random.jsonl")));
  int num_graphs = 0;
  for (std::string line; std::getline(lines, line); ++num_graphs) {
    const nlohmann::json graph = nlohmann::json::parse(line);
    const std::string id = graph["id"];
    const SimulatedNetwork run = midap.run(read_network_text(graph["yaml"].get<std::string>(), id));
    LayerCycles cycles;
    for (const TraceRow& row : run.rows)
      if (!row.is_fused()) cycles.emplace_back(row.layer, row.total_cycles);
    EXPECT_EQ(cycles, graph["layers"].get<LayerCycles>()) << id;
    EXPECT_EQ(run.total_cycles, graph["cycles"]) << id;
    EXPECT_EQ(run.schedule, "reference") << id;
  }
  EXPECT_EQ(num_graphs, 41);
}

}  // namespace
}  // namespace tilewake
