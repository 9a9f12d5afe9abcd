// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/midap/midap_mapper.hpp"

#include "simulator/mapping/midap/bank_planner.hpp"
#include "simulator/mapping/midap/graph.hpp"
#include "simulator/mapping/midap/lowering.hpp"
#include "simulator/mapping/midap/order.hpp"

namespace tilewake::midap {

Program map_midap(const Network& network, const MidapConfig& config,
                  const LatencyBandwidthDramConfig& dram) {
  Graph graph = prepare_graph(network, config);
  const std::vector<int> order = order_layers(graph);
  BankPlanner planner(graph, dram);
  std::vector<LayerPlan> plans;
  for (const int id : order)
    if (graph.at(id).type != NodeType::kConcat) plans.push_back(planner.plan(id));
  std::vector<std::int64_t> pivots;
  for (const Node& node : graph.nodes) pivots.push_back(planner.pivot(node.id));
  return lower(graph, order, plans, pivots);
}

}  // namespace tilewake::midap
