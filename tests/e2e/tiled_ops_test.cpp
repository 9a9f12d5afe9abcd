// SPDX-License-Identifier: Apache-2.0
// Laws of today's ops on every shipped machine that works in tiles.
#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "simulator/api/simulation.hpp"
#include "simulator/common/math.hpp"
#include "simulator/engine/events.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "simulator/mapping/mapper.hpp"
#include "tests/support/every_op.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

std::vector<std::string> tiled_machine_names() {
  std::vector<std::string> names;
  for (const std::string& name : shipped_machine_names())
    if (!std::holds_alternative<MidapConfig>(shipped_machine(name).core)) names.push_back(name);
  return names;
}

/// Calls `action(core)` with the core's configuration of its kind.
template <typename Action>
auto with_core(HardwareConfig& machine, Action action) {
  if (auto* systolic = std::get_if<SystolicConfig>(&machine.core)) return action(*systolic);
  return action(std::get<VectorConfig>(machine.core));
}

/// The machine with buffers of `bytes` and without a memory of feature maps: every byte is of DRAM.
HardwareConfig with_buffers(HardwareConfig machine, std::int64_t bytes) {
  with_core(machine, [](auto& core) { core.feature_memory = {}; });
  if (auto* systolic = std::get_if<SystolicConfig>(&machine.core))
    systolic->input.bytes = systolic->weight.bytes = systolic->output.bytes = bytes;
  else
    std::get<VectorConfig>(machine.core).local_memory_bytes = 6 * bytes;
  return machine;
}

std::int64_t bias_bytes_of(HardwareConfig machine) {
  return with_core(machine, [](auto& core) { return core.accumulator_bytes; });
}

class TiledOpsTest : public ::testing::TestWithParam<std::string> {
 protected:
  /// A machine on which everything fits, and that has no reason to cut it.
  HardwareConfig large() const {
    HardwareConfig machine = with_buffers(shipped_machine(GetParam()), 1 << 26);
    machine.dram = IdealDramConfig{};
    return machine;
  }

  SimulatedNetwork run(const HardwareConfig& machine, const std::string& layers,
                       const std::string& input = "channels: 12, height: 6, width: 10") const {
    return NetworkSimulator(machine).run(
        read_network_text("name: n\ninput: {" + input + "}\nlayers:\n" + layers, "n.yaml"));
  }
};

struct Bytes {
  std::int64_t features = 0;
  std::int64_t weights = 0;
  std::int64_t outputs = 0;
};

/// Layers that were cut into several tiles, some of which load the same bytes.
std::set<std::string> cut_layers(const SimulatedNetwork& run) {
  std::set<std::string> cut;
  for (const auto& [layer, plan] : run.plans)
    if (plan.find(", order") != std::string::npos) cut.insert(layer);
  return cut;
}

/// What a layer moves if it runs in one tile.
Bytes bytes_of(const Network& network, const Layer& l, std::int64_t bias_bytes) {
  Bytes bytes{0, l.num_weights() + (l.has_weights() && l.bias ? l.ofm.channels * bias_bytes : 0),
              l.ofm.num_elements()};
  for (const int input : l.inputs) bytes.features += network.shape_of(input).num_elements();
  const std::int64_t channels = l.ofm.channels;
  switch (l.op) {
    case Op::kMatmul:
      bytes.weights = network.shape_of(l.inputs[1]).num_elements();
      bytes.features = l.ifm.num_elements();
      break;
    case Op::kLayerNorm:
    case Op::kGroupNorm:
      bytes.weights = l.bias ? channels * (1 + bias_bytes) : 0;
      if (l.op == Op::kLayerNorm) break;
      bytes.features = 2 * l.ifm.num_elements() + std::min(2 * l.groups, channels);
      bytes.outputs += 2 * l.groups;
      break;
    case Op::kSlice:
      bytes.features = channels * ((l.ofm.height - 1) * l.stride.height + 1) *
                       ((l.ofm.width - 1) * l.stride.width + 1);
      break;
    case Op::kEmbedding:
      bytes.features += l.ofm.num_elements();
      break;
    default:
      break;
  }
  return bytes;
}

TEST_P(TiledOpsTest, EachByteIsMovedOnceIfEverythingFits) {
  const HardwareConfig machine = large();
  for (const std::int64_t batch : {1, 3}) {
    Network network = every_op();
    network.batch = batch;
    const SimulatedNetwork run = NetworkSimulator(machine).run(network);
    const std::set<std::string> cut = cut_layers(run);
    int num_checked = 0;
    for (const TraceRow& row : run.rows) {
      const Layer& l = network.layers[static_cast<std::size_t>(row.index)];
      if (row.is_fused() || l.op == Op::kConcat) continue;
      if (cut.contains(row.layer)) continue;
      SCOPED_TRACE(fmt::format("{} {} of {}", row.layer, to_string(l.op), batch));
      const Bytes bytes = bytes_of(network, l, bias_bytes_of(machine));
      EXPECT_EQ(row.dram_read_weight_bytes, (l.op == Op::kMatmul ? batch : 1) * bytes.weights);
      EXPECT_EQ(row.dram_write_bytes, batch * bytes.outputs);
      const bool skips_pixels = l.op == Op::kResize && l.ofm.height < l.ifm.height;
      const bool has_parts = l.op == Op::kConvTranspose2d && l.kernel_height % l.stride.height > 0;
      if (skips_pixels)
        EXPECT_LE(row.dram_read_feature_bytes, batch * bytes.features);
      else if (has_parts)
        EXPECT_GE(row.dram_read_feature_bytes, batch * bytes.features);
      else
        EXPECT_EQ(row.dram_read_feature_bytes, batch * bytes.features);
      ++num_checked;
    }
    EXPECT_GT(num_checked, 15);
  }
}

// Smaller buffers: tiles of all shapes, norms in two passes.
TEST_P(TiledOpsTest, OutputsAreWrittenOnceInTilesOfAnySize) {
  for (const std::int64_t bytes : {600, 5000}) {
    const HardwareConfig machine = with_buffers(shipped_machine(GetParam()), bytes);
    const Network network = every_op();
    for (const TraceRow& row : NetworkSimulator(machine).run(network).rows) {
      const Layer& l = network.layers[static_cast<std::size_t>(row.index)];
      if (row.is_fused() || l.op == Op::kConcat || l.op == Op::kGroupNorm || l.num_macs() > 0)
        continue;
      EXPECT_EQ(row.dram_write_bytes, row.oc * row.oh * row.ow) << row.layer;
    }
  }
}

TEST_P(TiledOpsTest, ASoftmaxWhoseGroupDoesNotFitReadsItsInputTwice) {
  const HardwareConfig machine = with_buffers(shipped_machine(GetParam()), 4096);
  const auto bytes_read = [&](std::int64_t channels) {
    return run(machine, "  - {name: s, op: softmax}\n",
               fmt::format("channels: {}, height: 3, width: 1", channels))
        .rows.at(0)
        .dram_read_feature_bytes;
  };
  EXPECT_EQ(bytes_read(1000), 3 * 1000);
  // Each tile of the second part reads the sums again.
  EXPECT_GE(bytes_read(30'000), 2 * 3 * 30'000 + 3 * 2);
  EXPECT_LE(bytes_read(30'000), 2 * 3 * 30'000 + 3 * 100);
}

TEST_P(TiledOpsTest, ALargerSoftmaxOrNormTakesNoLessTime) {
  NetworkSimulator machine(shipped_machine(GetParam()));
  for (const char* op : {"softmax", "layer_norm", "group_norm", "lrn, extent: 5"}) {
    std::int64_t before = 0;
    for (const std::int64_t rows : {1, 5, 20, 100, 400, 1000}) {
      const Network network = read_network_text(
          fmt::format("name: n\ninput: {{channels: 96, height: {}, width: 1}}\nlayers:\n"
                      "  - {{name: s, op: {}}}\n",
                      rows, op),
          "n.yaml");
      const std::int64_t cycles = machine.run(network).total_cycles;
      EXPECT_GE(cycles, before) << op << " of " << rows;
      before = cycles;
    }
  }
}

TEST_P(TiledOpsTest, HeadsOfAttentionShareItsMacs) {
  for (const std::int64_t heads : {1, 2, 4, 12}) {
    const SimulatedNetwork result =
        run(shipped_machine(GetParam()),
            fmt::format("  - {{name: k, op: conv2d, out_channels: 12, kernel: 1}}\n"
                        "  - {{name: scores, op: matmul, transposed: true, groups: {}, "
                        "inputs: [input, k]}}\n"
                        "  - {{name: weights, op: softmax, groups: {}}}\n"
                        "  - {{name: mixed, op: matmul, groups: {}, inputs: [weights, k]}}\n",
                        heads, heads, heads));
    EXPECT_EQ(result.rows.at(1).macs, 60 * 60 * 12);
    EXPECT_EQ(result.rows.at(3).macs, 60 * 60 * 12);
    EXPECT_GT(result.rows.at(2).compute_cycles, 0);
  }
}

class LoadAndStoreTimes : public EventSink {
 public:
  void on_event(const Event& event) override {
    if (event.kind == EventKind::kStore && event.layer == 1)
      last_store = std::max(last_store, event.end_cycle);
    if (event.kind == EventKind::kRequest && event.layer == 2 && event.cause == Cause::kWeights)
      first_load = std::min(first_load, event.begin_cycle);
  }
  std::int64_t last_store = 0;
  std::int64_t first_load = std::int64_t{1} << 60;
};

// Weights of convolutions are loaded before their layer begins.
TEST_P(TiledOpsTest, TheSecondOperandOfAMatmulIsLoadedAfterItWasStored) {
  for (const bool on_chip : {false, true}) {
    HardwareConfig machine = shipped_machine(GetParam());
    with_core(machine, [&](auto& core) { core.feature_memory.bytes = on_chip ? 1 << 20 : 0; });
    const Network network = read_network_text(
        "name: n\ninput: {channels: 64, height: 50, width: 1}\nlayers:\n"
        "  - {name: q, op: conv2d, out_channels: 64, kernel: 1}\n"
        "  - {name: k, op: conv2d, out_channels: 64, kernel: 1, inputs: [input]}\n"
        "  - {name: qk, op: matmul, transposed: true, inputs: [q, k]}\n",
        "n.yaml");
    LoadAndStoreTimes times;
    NetworkSimulator(machine).run(network, map_network(network, machine), {}, {&times});
    EXPECT_GT(times.last_store, 0);
    EXPECT_GE(times.first_load, times.last_store);
  }
}

/// Cycles of computation of a convolution with an activation, in one tile.
std::int64_t compute_cycles(const HardwareConfig& machine, const std::string& activation) {
  const Network network = read_network_text(
      "name: n\ninput: {channels: 8, height: 9, width: 7}\nlayers:\n"
      "  - {name: c, op: conv2d, out_channels: 10, kernel: 3, activation: " +
          activation + "}\n",
      "n.yaml");
  return NetworkSimulator(machine).run(network).rows.at(0).compute_cycles;
}

TEST_P(TiledOpsTest, AnActivationTakesTheOperationsOfItsClass) {
  HardwareConfig machine = large();
  const std::int64_t alone = compute_cycles(machine, "none");
  for (const char* activation : {"relu", "hswish", "gelu"})
    EXPECT_EQ(compute_cycles(machine, activation), alone);
  const ActivationOperations operations{2, 5, 31};
  with_core(machine, [&](auto& core) { core.activation_operations = operations; });
  const auto more = [&](std::int64_t of_an_element) {
    constexpr std::int64_t kElements = 10 * 9 * 7;
    if (const auto* systolic = std::get_if<SystolicConfig>(&machine.core))
      return ceil_div(kElements * of_an_element, systolic->vector_lanes);
    const auto& c = std::get<VectorConfig>(machine.core);
    return of_an_element * ceil_div(ceil_div(kElements, c.lanes), c.num_cores);
  };
  EXPECT_EQ(compute_cycles(machine, "none"), alone);
  EXPECT_EQ(compute_cycles(machine, "prelu"), alone + more(2));
  EXPECT_EQ(compute_cycles(machine, "hsigmoid"), alone + more(5));
  EXPECT_EQ(compute_cycles(machine, "mish"), alone + more(31));
}

// Models and journals of files without the key remain valid.
TEST_P(TiledOpsTest, DefaultOperationsOfActivationsAreNotPartOfTheMachinesId) {
  HardwareConfig machine = shipped_machine(GetParam());
  const std::string id = machine_id(machine);
  EXPECT_EQ(hardware_yaml(machine).find("activation_operations"), std::string::npos);
  with_core(machine, [](auto& core) { core.activation_operations.exponential = 8; });
  EXPECT_NE(machine_id(machine), id);
  const HardwareConfig read = read_hardware_text(hardware_yaml(machine), "m.yaml");
  EXPECT_EQ(machine_id(read), machine_id(machine));
}

INSTANTIATE_TEST_SUITE_P(Shipped, TiledOpsTest, ::testing::ValuesIn(tiled_machine_names()),
                         [](const auto& param) { return param.param; });

}  // namespace
}  // namespace tilewake
