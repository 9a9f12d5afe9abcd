// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "latency_model/features/feature_extractor.hpp"
#include "latency_model/features/tiled/tile_timeline.hpp"
#include "simulator/api/simulation.hpp"
#include "simulator/engine/simulator.hpp"
#include "simulator/mapping/mapper.hpp"
#include "tests/support/mapped_networks.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

/// Small arrays and processors, so that random networks do not fit whole.
std::string core_text(const std::string& kind, const std::string& variant) {
  if (kind == "vector")
    return fmt::format(
        "  num_cores: 2\n  lanes: 8\n  dot_length: 2\n  lane_axis: {}\n"
        "  local_memory_bytes: 16384\n  num_slots: 2\n  accumulator_bytes: 4\n"
        "  fuse_elementwise: true\n  efficiency: {{conv2d: 0.7, depthwise_conv2d: 0.5, "
        "fully_connected: 0.5, pool: 0.5, elementwise: 0.5}}\n  loop_cycles: 3\n"
        "  issue_cycles: 20\n",
        variant);
  return fmt::format(
      "  rows: 8\n  cols: 4\n  dataflow: {}\n  overlap_folds: true\n  depthwise: array\n"
      "  input_buffer: {{bytes: 4096, num_slots: 2, num_banks: 8, port_bytes: 1}}\n"
      "  weight_buffer: {{bytes: 2048, num_slots: 1, num_banks: 8, port_bytes: 1}}\n"
      "  output_buffer: {{bytes: 4096, num_slots: 2, num_banks: 8, port_bytes: 4}}\n"
      "  accumulator_bytes: 4\n  vector_unit: {{lanes: 4, fuse_elementwise: true}}\n",
      variant);
}

struct Kind {
  std::string kind;
  std::string variant;
  int feature_bytes = 0;  // memory of feature maps
  DispatchConfig dispatch = {};
  bool keeps_weights = false;
  int num_arrays = 1;  // of the systolic kind
};

HardwareConfig small_machine(const Kind& kind, int num_channels = 1) {
  HardwareConfig machine = read_hardware_text(
      fmt::format("name: small\nclock_mhz: 1000\ncore:\n  kind: {}\n{}"
                  "  feature_memory_bytes: {}\n  feature_memory_bytes_per_cycle: {}\n"
                  "  resident_weights: {}\n"
                  "dram:\n  model: latency_bandwidth\n  num_channels: {}\n  bus_bytes: 2\n"
                  "  clock_mhz: 1000\n  beats_per_clock: 2\n  first_access_cycles: 30\n"
                  "  row_cycles: 0\n  row_bytes: 1073741824\n  first_row_bytes: 1073741824\n"
                  "  refresh_cycles: 0\n  refresh_bytes: 1073741824\n"
                  "  first_refresh_bytes: 1073741824\n",
                  kind.kind, core_text(kind.kind, kind.variant), kind.feature_bytes,
                  kind.keeps_weights ? 64 : 16,  // more is moved through it
                  kind.keeps_weights, num_channels),
      "small.yaml");
  machine.dispatch = kind.dispatch;
  if (auto* systolic = std::get_if<SystolicConfig>(&machine.core))
    systolic->num_cores = kind.num_arrays;
  return machine;
}

class TiledMachineTest : public ::testing::TestWithParam<Kind> {
 protected:
  std::vector<MappedNetwork> networks_that_keep_channels() const {
    std::vector<Network> random;
    for (int seed = 0; seed < 60; ++seed) {
      random.push_back(random_network(seed));
      random.back().batch = 1 + seed % 3;
    }
    std::vector<MappedNetwork> mapped;
    map_those_that_fit(machine_, std::move(random), mapped);
    EXPECT_GT(mapped.size(), 30u);
    return mapped;
  }

  std::vector<MappedNetwork> networks_that_move_channels() const {
    return map_moving_networks(machine_, 30);
  }

  std::vector<MappedNetwork> networks() const {
    std::vector<MappedNetwork> all = networks_that_keep_channels();
    for (MappedNetwork& moving : networks_that_move_channels()) all.push_back(std::move(moving));
    return all;
  }

  /// The recursion of the latency model has no events, processes or kernel.
  void expect_engine_agrees(const std::vector<MappedNetwork>& mapped, double tolerance) {
    NetworkSimulator machine(machine_);
    const auto features = make_feature_extractor(machine_);
    for (const auto& [network, program] : mapped) {
      SCOPED_TRACE(network.name);
      double expected = 0.0;
      for (const LayerFeatures& layer : features->extract(network)) {
        expected += layer.dispatch_cycles;
        for (const double cycles : layer.values) expected += cycles;
      }
      const auto total = static_cast<double>(machine.run(network, program).total_cycles);
      EXPECT_NEAR(total, expected, tolerance * total);
    }
  }

  const HardwareConfig machine_ = small_machine(GetParam());
};

/// Tells when features were stored and asked for.
class TransferSink : public EventSink {
 public:
  explicit TransferSink(std::size_t num_layers)
      : stored_at(num_layers, 0), loaded_from(num_layers, INT64_MAX), stored(num_layers, 0) {}

  void on_event(const Event& event) override {
    const auto layer = static_cast<std::size_t>(event.layer);
    if (event.kind == EventKind::kStore) {
      stored_at[layer] = std::max(stored_at[layer], event.end_cycle);
      stored[layer] += event.amount;
    }
    if (event.kind == EventKind::kRequest && event.cause == Cause::kFeatures)
      loaded_from[layer] = std::min(loaded_from[layer], event.begin_cycle);
  }

  std::vector<std::int64_t> stored_at;    // end of the last store
  std::vector<std::int64_t> loaded_from;  // issue of the first load of features
  std::vector<std::int64_t> stored;
};

bool spills(const Program& program) {
  return std::any_of(program.layers.begin(), program.layers.end(), [](const ProgramLayer& layer) {
    return layer.plan.find("through DRAM") != std::string::npos;
  });
}

TEST_P(TiledMachineTest, FeaturesAreLoadedAfterTheyAreStoredAndStoredOnce) {
  Simulator machine(machine_);
  int num_without_spills = 0;
  for (const auto& [network, program] : networks()) {
    SCOPED_TRACE(network.name);
    TransferSink sink(program.layers.size());
    machine.run(program, sink);
    const auto& tiled = std::get<TiledProgram>(program.core);
    for (const TiledLayer& layer : tiled.layers)
      for (const int writer : layer.reads_from) {
        const int row = tiled.layers[static_cast<std::size_t>(writer)].program_layer;
        if (row == layer.program_layer) continue;
        EXPECT_GE(sink.loaded_from[static_cast<std::size_t>(layer.program_layer)],
                  sink.stored_at[static_cast<std::size_t>(row)]);
      }
    if (spills(program)) continue;
    ++num_without_spills;
    std::map<int, std::int64_t> outputs;
    for (const TiledLayer& layer : tiled.layers)
      outputs[layer.program_layer] += layer.problem.extent().num_outputs();
    for (const auto& [row, bytes] : outputs)
      EXPECT_EQ(sink.stored[static_cast<std::size_t>(row)], bytes) << row;
  }
  EXPECT_GT(num_without_spills, 5);
}

// Nothing is fused into a layer that moves channels. A stand-alone add or mul, whose operands have
// two sources, is where the recursion deviates.
TEST_P(TiledMachineTest, EngineAgreesWithTheRecursionOverSteps) {
  expect_engine_agrees(networks_that_keep_channels(), 0.01);
  expect_engine_agrees(networks_that_move_channels(), 0.015);
}

TEST_P(TiledMachineTest, TheFirstInferenceAgreesWithTheRecursionOverSteps) {
  MappingOptions options;
  options.cold = true;
  NetworkSimulator machine(machine_);
  for (const MappedNetwork& mapped : networks_that_keep_channels()) {
    SCOPED_TRACE(mapped.network.name);
    const Program program = map_network(mapped.network, machine_, options);
    const auto cycles_of = [&](const Program& part) {
      double cycles = 0.0;
      for (const tiled::LayerCycles& c : tiled::tile_timeline(
               std::get<TiledProgram>(part.core), DramEstimate(machine_.dram), machine_.dispatch))
        cycles += c.compute + c.weight_wait + c.feature_wait + c.write_wait + c.dispatch;
      return cycles;
    };
    double expected = cycles_of(program.first_repetition ? *program.first_repetition : program);
    if (program.repetitions > 1)
      expected += static_cast<double>(program.repetitions - 1) * cycles_of(program);
    const auto total = static_cast<double>(machine.run(mapped.network, program).total_cycles);
    EXPECT_NEAR(total, expected, 0.01 * total);
  }
}

TEST_P(TiledMachineTest, MoreBandwidthIsNotSlower) {
  const HardwareConfig faster = small_machine(GetParam(), 4);
  NetworkSimulator slow(machine_);
  NetworkSimulator fast(faster);
  for (const auto& [network, program] : networks()) {
    SCOPED_TRACE(network.name);
    // The tiler decides by estimates, so a change may be slightly worse than none. It takes the
    // waits for spilled sums for shorter than they are, and several cores compute less meanwhile.
    const double tolerance = GetParam().num_arrays > 1 ? 1.15 : 1.02;
    EXPECT_LE(static_cast<double>(fast.run(network).total_cycles),
              tolerance * static_cast<double>(slow.run(network, program).total_cycles));
    EXPECT_LE(fast.run(network, program).total_cycles, slow.run(network, program).total_cycles);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, TiledMachineTest,
    ::testing::Values(Kind{"systolic", "output_stationary"}, Kind{"systolic", "weight_stationary"},
                      Kind{"systolic", "input_stationary"}, Kind{"vector", "channels"},
                      Kind{"vector", "pixels"}, Kind{"systolic", "weight_stationary", 10'000},
                      Kind{"vector", "channels", 30'000},
                      Kind{"systolic", "output_stationary", 0, {5000, 300}},
                      Kind{"vector", "pixels", 0, {5000, 300}},
                      Kind{"systolic", "input_stationary", 60'000, {}, true},
                      Kind{"vector", "channels", 100'000, {900, 40}, true},
                      Kind{"systolic", "output_stationary", 0, {}, false, 2},
                      Kind{"systolic", "weight_stationary", 10'000, {900, 40}, true, 3},
                      Kind{"systolic", "input_stationary", 0, {}, false, 4}),
    [](const auto& param) {
      return param.param.kind + "_" + param.param.variant +
             (param.param.feature_bytes > 0 ? "_with_features_on_chip" : "") +
             (param.param.keeps_weights ? "_and_weights" : "") +
             (param.param.dispatch.layer_cycles > 0 ? "_dispatched" : "") +
             (param.param.num_arrays > 1 ? "_with_several_cores" : "");
    });

}  // namespace
}  // namespace tilewake
