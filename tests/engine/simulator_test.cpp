// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/simulator.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "simulator/mapping/mapper.hpp"
#include "tests/engine/layer_cost.hpp"
#include "tests/engine/sim_test.hpp"
#include "tests/support/random_network.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

auto as_tuple(const Event& e) {
  return std::tuple(e.unit, e.kind, e.cause, e.index, e.layer, e.begin_cycle, e.end_cycle,
                    e.amount);
}

void expect_equal(const std::vector<Event>& a, const std::vector<Event>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_EQ(as_tuple(a[i]), as_tuple(b[i])) << i;
}

class SimulatorTest : public SimTest {
 protected:
  Program program_of(const Network& network) const { return map_network(network, hardware_); }

  std::map<std::string, LayerCost> costs_of(const std::string& layers, std::int64_t size) {
    const std::string text = "name: example\ninput: {channels: 3, height: " + std::to_string(size) +
                             ", width: " + std::to_string(size) + "}\nlayers:\n" + layers;
    const Network network = read_network_text(text, "example.yaml");
    const Program program = program_of(network);
    CostSink sink(program);
    simulator_.run(program, sink);
    std::map<std::string, LayerCost> costs;
    for (const MidapLayer& layer : std::get<MidapProgram>(program.core).layers) {
      const auto row = static_cast<std::size_t>(layer.program_layer);
      const auto index = static_cast<std::size_t>(program.layers[row].network_layer);
      costs[network.layers[index].name] = sink.of(layer);
    }
    return costs;
  }

  const HardwareConfig hardware_ = shipped_machine("midap");
  Simulator simulator_{hardware_};
};

TEST_F(SimulatorTest, SameProgramRunsTheSameTwice) {
  const Program program = program_of(shipped_network("mobilenet_v2"));
  RecordingSink first;
  RecordingSink second;
  const RunResult a = simulator_.run(program, first);
  const RunResult b = simulator_.run(program, second);
  EXPECT_EQ(a.total_cycles, b.total_cycles);
  expect_equal(first.events, second.events);
}

TEST_F(SimulatorTest, RunLeavesNoStateForTheNextProgram) {
  const Program program = program_of(shipped_network("mobilenet_v1"));
  const Program other = program_of(shipped_network("efficientnet_b0"));
  RecordingSink alone;
  RecordingSink in_between;
  RecordingSink after;
  simulator_.run(program, alone);
  simulator_.run(other, in_between);
  simulator_.run(program, after);
  expect_equal(alone.events, after.events);
}

TEST_F(SimulatorTest, KernelStepsDoNotGrowWithTheSizeOfTheLayers) {
  for (const std::string name : {"resnet50", "efficientnet_b4", "inception_v3"}) {
    RecordingSink sink;
    const RunResult result = simulator_.run(program_of(shipped_network(name)), sink);
    EXPECT_GT(result.kernel_steps, 0u);
    EXPECT_LT(result.kernel_steps, 50'000u) << name << ", " << result.total_cycles << " cycles";
  }
}

TEST_F(SimulatorTest, LayersFollowEachOtherWithoutAGap) {
  RecordingSink sink;
  const RunResult result = simulator_.run(program_of(shipped_network("s3nas_m")), sink);
  std::int64_t end = 0;
  for (const Event& layer : sink.of(Unit::kSequencer, EventKind::kLayer)) {
    EXPECT_EQ(layer.begin_cycle, end);
    end = layer.end_cycle;
  }
  EXPECT_EQ(result.total_cycles, end);
}

TEST_F(SimulatorTest, ArrayIsAlwaysDoingExactlyOneThing) {
  RecordingSink sink;
  const RunResult result = simulator_.run(program_of(shipped_network("efficientnet_b0")), sink);
  std::int64_t end = 0;
  for (const Event& event : sink.events) {
    if (event.unit != Unit::kPeArray) continue;
    ASSERT_EQ(event.begin_cycle, end);
    ASSERT_EQ(event.amount, event.end_cycle - event.begin_cycle);
    end = event.end_cycle;
  }
  EXPECT_EQ(end, result.total_cycles);
}

TEST_F(SimulatorTest, OneComputationWithoutLoadCostsItsSlotsNineAndStalls) {
  int checked = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Program program = program_of(RandomNetwork(seed).make(8));
    RecordingSink sink;
    simulator_.run(program, sink);
    CostSink costs(program);
    std::map<int, std::int64_t> slots;
    for (const Event& event : sink.events) {
      costs.on_event(event);
      if (event.kind == EventKind::kCompute) slots[event.layer] += event.amount;
    }
    const std::vector<MidapLayer>& layers = std::get<MidapProgram>(program.core).layers;
    for (const MidapLayer& layer : layers) {
      const auto parts = std::count_if(layers.begin(), layers.end(), [&](const MidapLayer& part) {
        return part.program_layer == layer.program_layer;
      });
      if (parts > 1 || layer.behaviours.size() > 1) continue;
      const LayerCost& cost = costs.of(layer);
      EXPECT_EQ(cost.cycles, slots[layer.program_layer] + 9 + cost.feature_stalls +
                                 cost.weight_stalls + cost.bias_stalls + cost.write_stalls);
      ++checked;
    }
  }
  EXPECT_GT(checked, 50);
}

// Blocks and heads of the published figures (tests/reference/midap_blocks.csv), by layer.

TEST_F(SimulatorTest, ConvolutionBlockWithResidualCostsWhatTheReferenceSays) {
  auto costs = costs_of(
      "  - {name: stem, op: conv2d, kernel: 7, out_channels: 128}\n"
      "  - {name: b, op: convblock, kernels: [3], expansion_ratios: [2], out_channels: 128}\n",
      14);
  EXPECT_EQ(costs["b.expand"].cycles, 51420);
  EXPECT_EQ(costs["b.expand"].weight_stalls, 211);
  EXPECT_EQ(costs["b.project"].cycles, 6281);
  EXPECT_EQ(costs["b.add"].cycles, 1014);
  EXPECT_EQ(costs["b.add"].weight_stalls, 85 + 12 * 44);
}

TEST_F(SimulatorTest, InvertedBottleneckCostsWhatTheReferenceSays) {
  auto costs = costs_of(
      "  - {name: stem, op: conv2d, kernel: 7, out_channels: 64}\n"
      "  - {name: b, op: mbconv, kernels: [5], expansion_ratios: [4], stride: 2, "
      "out_channels: 128}\n",
      28);
  EXPECT_EQ(costs["b.expand0"].cycles, 12553);
  EXPECT_EQ(costs["b.depthwise0"].cycles, 17965);
  EXPECT_EQ(costs["b.project"].cycles, 6281);
}

TEST_F(SimulatorTest, DepthwiseWaitsForWeightsThatTheGroupBeforeCouldNotHide) {
  auto costs = costs_of(
      "  - {name: stem, op: conv2d, kernel: 7, out_channels: 160}\n"
      "  - {name: b, op: mbconv, kernels: [5], expansion_ratios: [4], stride: 2, "
      "out_channels: 160}\n",
      14);
  EXPECT_EQ(costs["b.depthwise0"].cycles, 10362);
  EXPECT_EQ(costs["b.depthwise0"].weight_stalls, 113);
}

TEST_F(SimulatorTest, HeadCostsWhatTheReferenceSays) {
  auto costs = costs_of(
      "  - {name: stem, op: conv2d, kernel: 7, out_channels: 256}\n"
      "  - {name: depthwise, op: depthwise_conv2d, kernel: 3}\n"
      "  - {name: head, op: conv2d, kernel: 1, out_channels: 1280}\n"
      "  - {name: pool, op: global_avg_pool}\n"
      "  - {name: classifier, op: fully_connected, out_channels: 1000}\n",
      7);
  EXPECT_EQ(costs["head"].cycles, 16689) << "with 80 slots of the pool fused into it";
  EXPECT_EQ(costs["head"].weight_stalls, 40 * 23);
  EXPECT_EQ(costs["classifier"].cycles, 51466);
  EXPECT_EQ(costs["classifier"].weight_stalls, 50197);
}

TEST_F(SimulatorTest, StemLoadsItsInputAsAMatrix) {
  auto costs =
      costs_of("  - {name: stem, op: conv2d, kernel: 7, stride: 2, out_channels: 32}\n", 224);
  EXPECT_EQ(costs["stem"].cycles, 105211);
  EXPECT_EQ(costs["stem"].feature_stalls, 29934);
}

}  // namespace
}  // namespace tilewake
