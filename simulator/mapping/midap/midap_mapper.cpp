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

/// "layer NAME: violation", one per invalid layer.
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

/// Steps that planning the banks of a layer counts for: each number of banks that may remain for
/// input is tried, piece by piece of the map. The first term bounds the memory of the plans.
double planning_steps(const Graph& graph, const Node& node) {
  constexpr double kStepsAPiece = 16.0;
  constexpr double kBanksAStep = 8.0;
  const auto banks = static_cast<double>(graph.config->fmem_num_banks);
  const auto pieces = static_cast<double>(graph.tensor_of(node.inputs[0]).num_fragments +
                                          graph.tensor_of(node.id).num_fragments);
  return pieces * (kStepsAPiece + banks * (1.0 + banks / kBanksAStep));
}

Program map_as_reference(const Network& network, const MidapConfig& config, const DramConfig& dram,
                         const MappingOptions& options) {
  Graph graph = prepare_graph(network, config, Schedule::kReference);
  const std::vector<int> order = order_layers(graph);
  BankPlanner planner(graph, planning_dram(dram));
  StepBudget budget(options);
  std::vector<LayerPlan> plans;
  for (const int id : order) {
    const Node& node = graph.at(id);
    if (node.type == NodeType::kConcat) continue;
    if (options.on_layer) options.on_layer(node.name, plans.size(), order.size());
    budget.spend(node.name, planning_steps(graph, node));
    plans.push_back(planner.plan(id));
  }
  std::vector<std::int64_t> pivots;
  for (const Node& node : graph.nodes) pivots.push_back(planner.pivot(node.id));
  Program program = lower(graph, order, plans, pivots, dram, options);
  const auto broken = defects(program, network, EarlyReads::kAllowed);
  if (!broken.empty()) throw PlanFailure(broken[0]);
  for (const std::string& early : defects(program, network, EarlyReads::kRefused))
    program.warnings.push_back(early +
                               " yet, as in the reference schedule; the cycles are optimistic");
  program.schedule = "reference";
  return program;
}

Program map_plainly(const Network& network, const MidapConfig& config, const DramConfig& dram,
                    const MappingOptions& options) {
  Graph graph = prepare_graph(network, config, Schedule::kPlain);
  StepBudget budget(options);
  for (const Node& node : graph.nodes)
    if (node.runs()) budget.spend(node.name, planning_steps(graph, node));
  const PlainSchedule plain = plan_plain_schedule(graph);
  Program program = lower(graph, plain.order, plain.plans, plain.pivots, dram, options);
  const auto broken = defects(program, network, EarlyReads::kRefused);
  if (!broken.empty()) throw SimulationError("plain schedule: " + broken[0]);
  return program;
}

}  // namespace

namespace {

/// Rows of the softmaxes at the end, which take no time here.
void add_host_rows(const Network& network, Program& program) {
  for (std::size_t i = num_layers_on_midap(network); i < network.layers.size(); ++i) {
    program.layers.push_back({static_cast<int>(i), "host", "", 0.0, 0});
    program.warnings.push_back(
        fmt::format("layer {}: a softmax at the end is left to the host", network.layers[i].name));
  }
}

}  // namespace

Program map_midap(const Network& network, const MidapConfig& config, const DramConfig& dram,
                  const MappingOptions& options) {
  Program program;
  try {
    program = map_as_reference(network, config, dram, options);
  } catch (const PlanFailure& failure) {
    program = map_plainly(network, config, dram, options);
    program.schedule = fmt::format("plain ({})", failure.what());
  }
  add_host_rows(network, program);
  return program;
}

}  // namespace tilewake::midap
