// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/midap/midap_mapper.hpp"

#include <string>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/mapping/midap/bank_planner.hpp"
#include "simulator/mapping/midap/check_program.hpp"
#include "simulator/mapping/midap/graph.hpp"
#include "simulator/mapping/midap/lowering.hpp"
#include "simulator/mapping/midap/order.hpp"
#include "simulator/mapping/midap/plain_schedule.hpp"

namespace tilewake::midap {
namespace {

/// "layer NAME: what is wrong", one for every layer that is not in order.
std::vector<std::string> defects(const Program& program, const Network& network,
                                 EarlyReads early_reads) {
  std::vector<std::string> all;
  for (const MidapLayer& layer : std::get<MidapProgram>(program.core).layers) {
    const std::string defect = find_defect(layer, early_reads);
    if (defect.empty()) continue;
    const ProgramLayer& row = program.layers[static_cast<std::size_t>(layer.program_layer)];
    all.push_back(fmt::format(
        "layer {}: {}", network.layers[static_cast<std::size_t>(row.network_layer)].name, defect));
  }
  return all;
}

Program map_as_reference(const Network& network, const MidapConfig& config,
                         const PlanningDram& dram) {
  Graph graph = prepare_graph(network, config, Schedule::kReference);
  const std::vector<int> order = order_layers(graph);
  BankPlanner planner(graph, dram);
  std::vector<LayerPlan> plans;
  for (const int id : order)
    if (graph.at(id).type != NodeType::kConcat) plans.push_back(planner.plan(id));
  std::vector<std::int64_t> pivots;
  for (const Node& node : graph.nodes) pivots.push_back(planner.pivot(node.id));
  Program program = lower(graph, order, plans, pivots);
  const auto broken = defects(program, network, EarlyReads::kAllowed);
  if (!broken.empty()) throw PlanFailure(broken[0]);
  for (const std::string& early : defects(program, network, EarlyReads::kRefused))
    program.warnings.push_back(early +
                               " yet: the reference schedule does so, the cycles are optimistic");
  program.schedule = "reference";
  return program;
}

Program map_plainly(const Network& network, const MidapConfig& config) {
  Graph graph = prepare_graph(network, config, Schedule::kPlain);
  const PlainSchedule plain = plan_plainly(graph);
  Program program = lower(graph, plain.order, plain.plans, plain.pivots);
  const auto broken = defects(program, network, EarlyReads::kRefused);
  if (!broken.empty()) throw SimulationError("plain schedule: " + broken[0]);
  return program;
}

}  // namespace

Program map_midap(const Network& network, const MidapConfig& config, const PlanningDram& dram) {
  try {
    return map_as_reference(network, config, dram);
  } catch (const PlanFailure& failure) {
    Program program = map_plainly(network, config);
    program.schedule = fmt::format("plain ({})", failure.what());
    return program;
  }
}

}  // namespace tilewake::midap
