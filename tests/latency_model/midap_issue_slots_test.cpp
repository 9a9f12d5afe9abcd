// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <gtest/gtest.h>

#include "latency_model/features/midap/issue_slots.hpp"
#include "simulator/engine/midap/slot_schedule.hpp"
#include "simulator/mapping/mapper.hpp"
#include "simulator/network/network_builder.hpp"
#include "tests/support/midap_machines.hpp"
#include "tests/support/random.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake::midap {
namespace {

/// Slots that the engine issues for a layer that is computed at once; -1 otherwise.
std::int64_t engine_slots(const MidapLayer& layer, const MidapConfig& c) {
  if (layer.behaviours.size() != 1) return -1;
  const std::int64_t lanes = layer.on_cims() ? c.num_cims : c.system_width;
  const SlotSchedule schedule(layer, c.system_width, lanes, 0, layer.behaviours[0].x_begin,
                              layer.behaviours[0].x_last);
  return schedule.num_passes() * schedule.pass_slots();
}

struct SlotComparison {
  int layers = 0;
  int exact = 0;
  double worst = 0.0;
  double sum = 0.0;
};

void compare_slots(const Network& network, const HardwareConfig& hardware, SlotComparison& result) {
  const auto& config = std::get<MidapConfig>(hardware.core);
  const Program program = map_network(network, hardware);
  const Graph graph = prepare_graph(network, config, Schedule::kReference);
  for (const MidapLayer& layer : std::get<MidapProgram>(program.core).layers) {
    const std::int64_t expected = engine_slots(layer, config);
    if (expected <= 0) continue;
    const ProgramLayer& row = program.layers[static_cast<std::size_t>(layer.program_layer)];
    const IssueSlots slots = count_issue_slots(graph, graph.at(row.network_layer + 1));
    const double error =
        std::abs(slots.passes * slots.pass_slots / static_cast<double>(expected) - 1.0);
    ++result.layers;
    result.exact += error < 1e-9 ? 1 : 0;
    result.worst = std::max(result.worst, error);
    result.sum += error;
  }
}

TEST(MidapIssueSlotsTest, OfShippedNetworksAreThoseTheEngineIssues) {
  for (const HardwareConfig& hardware : {midap_with(4, 16, 64), midap_with(4, 32, 32)}) {
    SlotComparison result;
    for (const Network& network : shipped_networks()) compare_slots(network, hardware, result);
    EXPECT_GT(result.layers, 1400);
    EXPECT_GT(result.exact, 0.99 * result.layers) << hardware.name;
    EXPECT_LT(result.worst, 1e-3) << hardware.name;
  }
}

/// A pointwise layer, then a window over its output, which is on chip whole.
Network random_window(Random& random) {
  NetworkBuilder builder("window", {16, random.between(1, 30), random.between(1, 30)});
  Layer first;
  first.name = "first";
  first.inputs = {kNetworkInput};
  first.ofm.channels = 16 * random.between(1, 8);
  Layer window = first;
  window.name = "window";
  window.inputs = {builder.add(first)};
  window.kernel_height = random.between(1, 5);
  window.kernel_width = random.between(1, 5);
  window.stride = random.between(1, 3);
  window.dilation = random.between(1, 2);
  window.ofm.channels = 40;
  builder.add(window);
  return builder.build();
}

TEST(MidapIssueSlotsTest, OfAnyWindowAreNearThoseTheEngineIssues) {
  const HardwareConfig hardware = midap_with(4, 16, 64);
  Random random(1);
  SlotComparison result;
  for (int i = 0; i < 3000; ++i) {
    try {
      compare_slots(random_window(random), hardware, result);
    } catch (const std::runtime_error&) {
      // A window larger than the map.
    }
  }
  EXPECT_GT(result.layers, 2900);
  EXPECT_LT(result.sum / result.layers, 0.025);
}

}  // namespace
}  // namespace tilewake::midap
