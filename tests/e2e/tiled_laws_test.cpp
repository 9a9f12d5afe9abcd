// SPDX-License-Identifier: Apache-2.0
// Laws of machines that work in tiles: they hold whatever the tiler chooses.
#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "simulator/api/simulation.hpp"
#include "simulator/mapping/mapper.hpp"
#include "simulator/network/network_builder.hpp"
#include "simulator/trace/summary.hpp"
#include "tests/support/mapped_networks.hpp"
#include "tests/support/random.hpp"
#include "tests/support/shipped.hpp"
#include "tests/support/transposed.hpp"

namespace tilewake {
namespace {

std::vector<HardwareConfig> tiled_machines() {
  std::vector<HardwareConfig> machines;
  for (const std::string& name : shipped_machine_names()) {
    HardwareConfig machine = shipped_machine(name);
    if (!std::holds_alternative<MidapConfig>(machine.core)) machines.push_back(std::move(machine));
  }
  return machines;
}

void set_feature_memory(HardwareConfig& machine, std::int64_t bytes, bool keeps_weights = false) {
  const FeatureMemory memory{bytes, 1024, keeps_weights};
  if (auto* systolic = std::get_if<SystolicConfig>(&machine.core))
    systolic->feature_memory = memory;
  else
    std::get<VectorConfig>(machine.core).feature_memory = memory;
}

std::int64_t dram_bytes(const SimulatedNetwork& run) {
  std::int64_t bytes = 0;
  for (const TraceRow& row : run.rows) bytes += row.dram_read_bytes + row.dram_write_bytes;
  return bytes;
}

/// Convolutions with square windows on a map that is not square; some strides differ, and some are
/// those of the output.
Network oblong_network(int seed) {
  Random random(static_cast<std::uint64_t>(seed));
  NetworkBuilder builder(fmt::format("oblong{}", seed),
                         {random.between(1, 32), random.between(8, 64), random.between(65, 512)});
  for (int i = 0; i < 4; ++i) {
    Layer layer;
    layer.name = fmt::format("layer{}", i);
    layer.op = random.one_in(4) ? Op::kDepthwiseConv2d : Op::kConv2d;
    layer.inputs = {i - 1};
    layer.kernel_height = layer.kernel_width = 1 + 2 * random.between(0, 2);
    layer.stride = random.between(1, 2);
    layer.ofm.channels = random.between(1, 128);
    if (random.one_in(4)) layer.stride = {layer.stride.height, 3 - layer.stride.height};
    if (i == 3 && random.one_in(2)) {
      layer.op = Op::kConvTranspose2d;
      layer.kernel_height = layer.kernel_width = 2 * random.between(1, 2);  // square phases
      layer.stride = 2;
    }
    builder.add(layer);
  }
  return builder.build();
}

// Rows are contiguous in DRAM, and columns are not.
TEST(TiledLawsTest, ATransposedNetworkTakesAsLongAndMovesAsMuch) {
  for (const HardwareConfig& machine : tiled_machines()) {
    NetworkSimulator simulator(machine);
    for (int seed = 0; seed < 40; ++seed) {
      SCOPED_TRACE(fmt::format("{}, seed {}", machine.name, seed));
      const Network network = oblong_network(seed);
      const SimulatedNetwork run = simulator.run(network);
      const SimulatedNetwork transposed = simulator.run(transposed_network(network));
      const auto cycles = static_cast<double>(run.total_cycles);
      EXPECT_NEAR(static_cast<double>(transposed.total_cycles), cycles, 0.05 * cycles);
      const auto bytes = static_cast<double>(dram_bytes(run));
      EXPECT_NEAR(static_cast<double>(dram_bytes(transposed)), bytes, 0.02 * bytes);
    }
  }
}

TEST(TiledLawsTest, AMatrixProductTakesAsLongInAMapOfAnyShape) {
  for (const HardwareConfig& machine : tiled_machines()) {
    NetworkSimulator simulator(machine);
    for (int seed = 0; seed < 10; ++seed) {
      Random random(static_cast<std::uint64_t>(seed));
      const std::int64_t height = random.between(2, 60);
      const std::int64_t width = random.between(2, 60);
      const std::int64_t channels = random.between(1, 600);
      const std::int64_t outputs = random.between(1, 600);
      std::vector<std::int64_t> cycles;
      for (const auto& [h, w] :
           {std::pair{height, width}, std::pair{std::int64_t{1}, height * width},
            std::pair{height * width, std::int64_t{1}}}) {
        NetworkBuilder builder("product", {channels, h, w});
        Layer layer;
        layer.name = "product";
        layer.inputs = {kNetworkInput};
        layer.ofm.channels = outputs;
        builder.add(layer);
        cycles.push_back(simulator.run(builder.build()).total_cycles);
      }
      EXPECT_EQ(cycles[0], cycles[1]) << machine.name << ", seed " << seed;
      EXPECT_EQ(cycles[0], cycles[2]) << machine.name << ", seed " << seed;
    }
  }
}

// A tiler that sees one layer at a time can lose a little where the layers meet.
TEST(TiledLawsTest, FeatureMapsThatStayOnChipMakeNoNetworkSlower) {
  int num_with_less_traffic = 0;
  int num_runs = 0;
  for (HardwareConfig& machine : tiled_machines()) {
    set_feature_memory(machine, 0);
    NetworkSimulator without(machine);
    for (const std::int64_t bytes : {std::int64_t{256} << 10, std::int64_t{4} << 20}) {
      set_feature_memory(machine, bytes);
      NetworkSimulator with(machine);
      for (const Network& network : shipped_networks()) {
        SCOPED_TRACE(fmt::format("{} on {} with {} bytes", network.name, machine.name, bytes));
        const SimulatedNetwork before = without.run(network);
        const SimulatedNetwork after = with.run(network);
        EXPECT_LE(static_cast<double>(after.total_cycles),
                  1.005 * static_cast<double>(before.total_cycles));
        EXPECT_LE(dram_bytes(after), dram_bytes(before));
        if (dram_bytes(after) < dram_bytes(before)) ++num_with_less_traffic;
        ++num_runs;
      }
    }
  }
  EXPECT_EQ(num_with_less_traffic, num_runs);
}

// Memory enough for all maps: what no layer reads leaves it.
TEST(TiledLawsTest, OutputsOfTheNetworkAreInDram) {
  for (HardwareConfig& machine : tiled_machines()) {
    set_feature_memory(machine, std::int64_t{1} << 30);
    NetworkSimulator simulator(machine);
    for (int seed = 0; seed < 30; ++seed) {
      const Network network = random_network(seed);
      SCOPED_TRACE(fmt::format("{} on {}", network.name, machine.name));
      std::set<int> read;
      for (const Layer& layer : network.layers)
        read.insert(layer.inputs.begin(), layer.inputs.end());
      std::int64_t outputs = 0;
      for (std::size_t i = 0; i < network.layers.size(); ++i)
        if (!read.contains(static_cast<int>(i))) outputs += network.layers[i].ofm.num_elements();
      std::int64_t written = 0;
      for (const TraceRow& row : simulator.run(network).rows) written += row.dram_write_bytes;
      EXPECT_GE(written, outputs);
    }
  }
}

TEST(TiledLawsTest, EveryOutputIsStoredOnceInOneMemory) {
  for (HardwareConfig& machine : tiled_machines()) {
    set_feature_memory(machine, std::int64_t{1} << 20);
    NetworkSimulator simulator(machine);
    for (const Network& network : shipped_networks()) {
      SCOPED_TRACE(fmt::format("{} on {}", network.name, machine.name));
      for (const TraceRow& row : simulator.run(network).rows) {
        ASSERT_TRUE(row.output_in == "chip" || row.output_in == "dram") << row.layer;
        EXPECT_EQ(row.output_in == "dram", !row.spill_reason.empty()) << row.layer;
        if (row.is_fused()) continue;
        if (row.op == Op::kConcat)  // the inputs that are copied
          EXPECT_LE(row.chip_write_bytes, row.oc * row.oh * row.ow) << row.layer;
        else if (row.output_in == "chip")
          EXPECT_EQ(row.chip_write_bytes, row.oc * row.oh * row.ow) << row.layer;
        else
          EXPECT_EQ(row.chip_write_bytes, 0) << row.layer;
      }
    }
  }
}

TEST(TiledLawsTest, WeightsThatStayOnChipMakeNoNetworkSlower) {
  constexpr std::int64_t kBytes = std::int64_t{4} << 20;
  int num_with_less_traffic = 0;
  int num_runs = 0;
  for (HardwareConfig& machine : tiled_machines()) {
    set_feature_memory(machine, kBytes);
    NetworkSimulator without(machine);
    set_feature_memory(machine, kBytes, true);
    NetworkSimulator with(machine);
    for (const Network& network : shipped_networks()) {
      SCOPED_TRACE(fmt::format("{} on {}", network.name, machine.name));
      const SimulatedNetwork before = without.run(network);
      const SimulatedNetwork after = with.run(network);
      EXPECT_LE(static_cast<double>(after.total_cycles),
                1.005 * static_cast<double>(before.total_cycles));
      // Buffers without weights can make larger tiles possible, which are faster but spill sums.
      EXPECT_TRUE(dram_bytes(after) <= dram_bytes(before) ||
                  after.total_cycles < before.total_cycles);
      if (dram_bytes(after) < dram_bytes(before)) ++num_with_less_traffic;
      ++num_runs;
    }
  }
  EXPECT_GT(num_with_less_traffic, num_runs / 2);
}

/// Bytes of the weights and biases that stay on chip.
std::int64_t resident_bytes(const Network& network, const SimulatedNetwork& run,
                            std::int64_t bias_bytes) {
  std::int64_t bytes = 0;
  for (const TraceRow& row : run.rows) {
    if (row.weights_in != "chip") continue;
    const Layer& layer = network.layers[static_cast<std::size_t>(row.index)];
    bytes += layer.num_weights() + (layer.bias ? layer.ofm.channels * bias_bytes : 0);
    if (layer.is_norm()) bytes += layer.ofm.channels;  // factors, besides the shifts
  }
  return bytes;
}

std::int64_t sum(const SimulatedNetwork& run, std::int64_t TraceRow::*field) {
  std::int64_t total = 0;
  for (const TraceRow& row : run.rows) total += row.*field;
  return total;
}

TEST(TiledLawsTest, TheFirstInferenceReadsEachResidentWeightOnceFromDram) {
  MappingOptions first;
  first.cold = true;
  for (HardwareConfig& machine : tiled_machines()) {
    set_feature_memory(machine, std::int64_t{3} << 20, true);
    const std::int64_t bias_bytes = std::visit(
        [](const auto& core) -> std::int64_t {
          if constexpr (requires { core.accumulator_bytes; }) return core.accumulator_bytes;
          return 0;
        },
        machine.core);
    NetworkSimulator simulator(machine);
    std::int64_t resident_in_all = 0;
    for (const Network& network : shipped_networks()) {
      SCOPED_TRACE(fmt::format("{} on {}", network.name, machine.name));
      const SimulatedNetwork warm = simulator.run(network);
      const SimulatedNetwork cold = simulator.run(network, map_network(network, machine, first));
      const std::int64_t resident = resident_bytes(network, warm, bias_bytes);
      resident_in_all += resident;
      EXPECT_EQ(sum(cold, &TraceRow::dram_read_bytes),
                sum(warm, &TraceRow::dram_read_bytes) + resident);
      EXPECT_EQ(sum(cold, &TraceRow::dram_read_bytes) + sum(cold, &TraceRow::chip_read_bytes),
                sum(warm, &TraceRow::dram_read_bytes) + sum(warm, &TraceRow::chip_read_bytes));
      EXPECT_EQ(sum(cold, &TraceRow::dram_write_bytes), sum(warm, &TraceRow::dram_write_bytes));
      EXPECT_EQ(sum(cold, &TraceRow::chip_write_bytes), sum(warm, &TraceRow::chip_write_bytes));
      // Fewer requests of the DRAM can meet its refreshes at worse times.
      EXPECT_GE(1.001 * static_cast<double>(cold.total_cycles),
                static_cast<double>(warm.total_cycles));
    }
    EXPECT_GT(resident_in_all, 0) << machine.name;
  }
}

/// Small maps, then a classifier with 512 weights for each output.
Network small_maps_and_a_large_classifier(std::int64_t num_classes) {
  NetworkBuilder builder("classifier", {3, 32, 32});
  Layer layer;
  layer.op = Op::kConv2d;
  layer.kernel_height = layer.kernel_width = 3;
  layer.padding = {1, 1, 1, 1};
  for (int i = 0; i < 2; ++i) {
    layer.name = fmt::format("conv{}", i);
    layer.inputs = {i - 1};
    layer.ofm.channels = i == 0 ? 16 : 8;
    layer.stride.height = layer.stride.width = i == 0 ? 1 : 4;
    builder.add(layer);
  }
  Layer classifier;
  classifier.name = "classifier";
  classifier.op = Op::kFullyConnected;
  classifier.inputs = {1};
  classifier.ofm.channels = num_classes;
  builder.add(classifier);
  return builder.build();
}

// The first map has 16,384 elements, which are written and read once.
TEST(TiledLawsTest, WeightsStayInPlaceOfMapsWhereTheySaveMore) {
  for (HardwareConfig& machine : tiled_machines()) {
    if (element_bytes(machine.element()) != 1) continue;
    for (const bool saves_more : {true, false}) {
      SCOPED_TRACE(fmt::format("{}, weights save {}", machine.name, saves_more ? "more" : "less"));
      const Network network = small_maps_and_a_large_classifier(saves_more ? 128 : 48);
      const std::int64_t weights = network.layers[2].num_weights();
      set_feature_memory(machine, std::max<std::int64_t>(weights + 8192, 20'000), true);
      const SimulatedNetwork run = NetworkSimulator(machine).run(network);
      EXPECT_EQ(run.rows[2].weights_in, saves_more ? "chip" : "dram");
      EXPECT_EQ(run.rows[0].output_in, saves_more ? "dram" : "chip");
      EXPECT_EQ(run.rows[1].output_in, "chip");
    }
  }
}

TEST(TiledLawsTest, WeightsOfALayerAreInOneMemory) {
  for (HardwareConfig& machine : tiled_machines()) {
    for (const std::int64_t bytes : {std::int64_t{1} << 20, std::int64_t{1} << 30}) {
      set_feature_memory(machine, bytes, true);
      NetworkSimulator simulator(machine);
      for (const Network& network : shipped_networks()) {
        SCOPED_TRACE(fmt::format("{} on {} with {} bytes", network.name, machine.name, bytes));
        const SimulatedNetwork run = simulator.run(network);
        EXPECT_LE(resident_bytes(network, run, 0), bytes);
        for (const TraceRow& row : run.rows) {
          const Layer& layer = network.layers[static_cast<std::size_t>(row.index)];
          EXPECT_EQ(row.weights_in.empty(), !layer.has_weights()) << row.layer;
          EXPECT_EQ(row.weights_in == "dram", !row.weights_reason.empty()) << row.layer;
          if (row.weights_in == "chip") {
            EXPECT_EQ(row.dram_read_weight_bytes, 0) << row.layer;
            EXPECT_GE(row.chip_read_weight_bytes, layer.num_weights()) << row.layer;
          } else {
            EXPECT_EQ(row.chip_read_weight_bytes, 0) << row.layer;
            EXPECT_GE(row.dram_read_weight_bytes, layer.num_weights()) << row.layer;
          }
          if (bytes == std::int64_t{1} << 30) {
            EXPECT_NE(row.weights_in, "dram") << row.layer;
          }
        }
      }
    }
  }
}

/// Shipped machines with systolic arrays.
std::vector<HardwareConfig> systolic_machines() {
  std::vector<HardwareConfig> machines = tiled_machines();
  std::erase_if(machines, [](const HardwareConfig& machine) {
    return !std::holds_alternative<SystolicConfig>(machine.core);
  });
  return machines;
}

HardwareConfig with_cores(HardwareConfig machine, std::int64_t num_cores) {
  std::get<SystolicConfig>(machine.core).num_cores = num_cores;
  return machine;
}

// Cores that divide a layer share its DRAM.
TEST(TiledLawsTest, SeveralCoresAreNotSlowerThanOneAndNotFasterThanDramAllows) {
  for (const HardwareConfig& machine : systolic_machines()) {
    NetworkSimulator one(machine);
    NetworkSimulator two(with_cores(machine, 2));
    NetworkSimulator four(with_cores(machine, 4));
    for (const Network& network : shipped_networks()) {
      SCOPED_TRACE(fmt::format("{} on {}", network.name, machine.name));
      const auto alone = static_cast<double>(one.run(network).total_cycles);
      const auto of_two = static_cast<double>(two.run(network).total_cycles);
      const SimulatedNetwork run = four.run(network);
      const auto of_four = static_cast<double>(run.total_cycles);
      EXPECT_LE(of_two, 1.005 * alone);
      EXPECT_LE(of_four, 1.005 * of_two);
      const double bandwidth = DramEstimate(machine.dram).bytes_per_cycle();
      EXPECT_GE(1.01 * of_four, static_cast<double>(dram_bytes(run)) / bandwidth);
    }
  }
}

/// A convolution with a window of `kernel` x `kernel` that keeps the map's size.
Network convolution(std::int64_t inputs, std::int64_t side, std::int64_t outputs,
                    std::int64_t kernel) {
  NetworkBuilder builder("convolution", {inputs, side, side});
  Layer layer;
  layer.name = "convolution";
  layer.inputs = {kNetworkInput};
  layer.ofm.channels = outputs;
  layer.kernel_height = layer.kernel_width = kernel;
  layer.bias = false;
  builder.add(layer);
  return builder.build();
}

HardwareConfig with_large_buffers(HardwareConfig machine) {
  auto& core = std::get<SystolicConfig>(machine.core);
  for (SystolicBuffer* buffer : {&core.input, &core.weight, &core.output})
    buffer->bytes = std::int64_t{1} << 26;
  return machine;
}

// Without overlap, each fold takes as long as any other, and the folds of a loop that rows or
// columns cover are divided.
TEST(TiledLawsTest, OnIdealMemoryALayerThatFillsAllCoresTakesItsPart) {
  for (HardwareConfig machine : systolic_machines()) {
    machine.dram = IdealDramConfig{};
    machine.dispatch = {};
    machine = with_large_buffers(machine);
    auto& core = std::get<SystolicConfig>(machine.core);
    core.overlap_folds = false;
    core.rows = core.cols = 16;
    core.feature_memory = {};
    const std::int64_t channels = 2 * 3 * 4 * 16;  // folds of each of 1, 2, 3, 4, 6 and 8 cores
    for (const std::int64_t kernel : {1, 3}) {
      std::vector<Network> networks;
      if (core.dataflow != Dataflow::kInputStationary)
        networks.push_back(convolution(64, 12, 2 * channels, kernel));
      if (core.dataflow != Dataflow::kWeightStationary)
        networks.push_back(convolution(64, 96, 16, kernel));
      for (const Network& network : networks) {
        const std::int64_t alone = NetworkSimulator(machine).run(network).total_cycles;
        for (const std::int64_t num_cores : {2, 3, 4, 6, 8}) {
          SCOPED_TRACE(fmt::format("{} cores of {}, {} channels, kernel {}", num_cores,
                                   machine.name, network.layers[0].ofm.channels, kernel));
          NetworkSimulator several(with_cores(machine, num_cores));
          EXPECT_EQ(several.run(network).total_cycles * num_cores, alone);
        }
      }
    }
  }
}

// Weights or features that several cores need are loaded once.
TEST(TiledLawsTest, SeveralCoresMoveTheBytesOfTheirTilesOnce) {
  for (const HardwareConfig& machine : systolic_machines()) {
    for (const std::int64_t num_cores : {2, 3, 8}) {
      const HardwareConfig several = with_cores(machine, num_cores);
      NetworkSimulator simulator(several);
      for (const char* name : {"mobilenet_v2", "squeezenet"}) {
        SCOPED_TRACE(fmt::format("{} on {} cores of {}", name, num_cores, machine.name));
        const Network network = shipped_network(name);
        const Program divided = map_network(network, several);
        Program whole = divided;
        for (TiledLayer& layer : std::get<TiledProgram>(whole.core).layers) {
          EXPECT_EQ(layer.tiling.division.num_cores, num_cores);
          layer.tiling.division = {};
        }
        const SimulatedNetwork run = simulator.run(network, divided);
        const SimulatedNetwork alone = simulator.run(network, whole);
        EXPECT_EQ(dram_bytes(run), dram_bytes(alone));
        EXPECT_LE(static_cast<double>(run.total_cycles),
                  1.001 * static_cast<double>(alone.total_cycles));
      }
    }
  }
}

// With one slot, partial sums are waited for: tiles that spill them must not look cheap.
TEST(TiledLawsTest, OneSlotWithLessOverheadIsNotSlower) {
  for (HardwareConfig& machine : tiled_machines()) {
    auto* vector = std::get_if<VectorConfig>(&machine.core);
    if (vector == nullptr) continue;
    vector->num_slots = 1;
    vector->loop_cycles = 4;
    NetworkSimulator with(machine);
    vector->loop_cycles = 0;
    NetworkSimulator without(machine);
    for (const Network& network : shipped_networks()) {
      SCOPED_TRACE(fmt::format("{} on {}", network.name, machine.name));
      EXPECT_LE(static_cast<double>(without.run(network).total_cycles),
                1.04 * static_cast<double>(with.run(network).total_cycles));
    }
  }
}

}  // namespace
}  // namespace tilewake
