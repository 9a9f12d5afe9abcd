// SPDX-License-Identifier: Apache-2.0
// Laws of several images in one inference, on all machines that work in tiles.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "latency_model/features/feature_extractor.hpp"
#include "simulator/api/simulation.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/math.hpp"
#include "simulator/engine/events.hpp"
#include "simulator/mapping/mapper.hpp"
#include "simulator/network/network_builder.hpp"
#include "tests/support/random_network.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

bool is_midap(const HardwareConfig& machine) {
  return std::holds_alternative<MidapConfig>(machine.core);
}

void for_each_tiled_machine(const std::function<void(const HardwareConfig&)>& action) {
  for (const std::string& name : shipped_machine_names()) {
    const HardwareConfig machine = shipped_machine(name);
    if (!is_midap(machine)) action(machine);
  }
}

/// Sums over the layers.
struct Traffic {
  std::int64_t weights = 0;   // read, from any memory
  std::int64_t features = 0;  // read, from any memory
  std::int64_t outputs = 0;   // written, to any memory

  explicit Traffic(const SimulatedNetwork& run) {
    for (const TraceRow& row : run.rows) {
      weights += row.dram_read_weight_bytes + row.chip_read_weight_bytes;
      features += row.dram_read_feature_bytes + row.chip_read_bytes - row.chip_read_weight_bytes;
      outputs += row.dram_write_bytes + row.chip_write_bytes;
    }
  }
};

std::int64_t macs_of(const SimulatedNetwork& run) {
  std::int64_t macs = 0;
  for (const TraceRow& row : run.rows) macs += row.macs;
  return macs;
}

/// Partial sums that leave the chip are written like outputs.
bool spills(const SimulatedNetwork& run) {
  return std::any_of(run.plans.begin(), run.plans.end(), [](const auto& plan) {
    return plan.second.find("through DRAM") != std::string::npos;
  });
}

Network with_images(Network network, std::int64_t batch) {
  set_batch(network, batch);
  return network;
}

const std::vector<std::string>& networks() {
  static const std::vector<std::string> names = {"resnet18", "mobilenet_v3_large",
                                                 "shufflenet_v2_x1", "squeezenet"};
  return names;
}

/// A layer that reads the input of the network.
Network layer_on(const Shape& input, Op op, std::int64_t outputs, std::int64_t kernel = 1) {
  NetworkBuilder builder("layer", input);
  Layer layer;
  layer.name = "layer";
  layer.op = op;
  layer.inputs = {kNetworkInput};
  layer.kernel_height = layer.kernel_width = kernel;
  layer.ofm.channels = outputs;
  builder.add(layer);
  return builder.build();
}

// Layers are tiled one by one, so a batch can lose a little where they meet.
TEST(BatchTest, ABatchTakesAtMostAsLongAsItsImagesOneByOne) {
  for_each_tiled_machine([](const HardwareConfig& machine) {
    NetworkSimulator simulator(machine);
    for (const std::string name :
         {"resnet18", "mobilenet_v2", "mobilenet_v3_large", "shufflenet_v2_x1", "squeezenet"}) {
      const Network network = shipped_network(name);
      const auto one = static_cast<double>(simulator.run(network).total_cycles);
      for (const std::int64_t batch : {2, 3, 8, 16}) {
        const auto cycles =
            static_cast<double>(simulator.run(with_images(network, batch)).total_cycles);
        EXPECT_LE(cycles, 1.005 * one * static_cast<double>(batch))
            << batch << " images of " << name << " on " << machine.name;
      }
    }
  });
}

/// The end of the last layer.
class LastCycle : public EventSink {
 public:
  void on_event(const Event& event) override {
    if (event.kind == EventKind::kLayer) cycle_ = std::max(cycle_, event.end_cycle);
  }
  std::int64_t cycle() const { return cycle_; }

 private:
  std::int64_t cycle_ = 0;
};

// The maps of eight images need not fit where those of two do.
TEST(BatchTest, ABatchInPartsIsTheSumOfItsParts) {
  const HardwareConfig machine = shipped_machine("coral_usb");
  const NetworkMapper mapper(machine);
  NetworkSimulator simulator(machine);
  const Network network = with_images(shipped_network("mobilenet_v2"), 8);
  for (const bool cold : {false, true}) {
    SCOPED_TRACE(cold);
    MappingOptions options;
    options.cold = cold;
    const Program program = mapper.map(network, options);
    ASSERT_GT(program.repetitions, 1);
    const Network part = with_images(network, 8 / program.repetitions);
    const SimulatedNetwork first = simulator.run(part, mapper.map(part, options));
    const SimulatedNetwork other = simulator.run(part, mapper.map(part));
    LastCycle last;
    const SimulatedNetwork run = simulator.run(network, program, {}, {&last});
    EXPECT_EQ(run.total_cycles, simulator.run(network, program).total_cycles);
    EXPECT_EQ(run.total_cycles,
              first.total_cycles + (program.repetitions - 1) * other.total_cycles);
    EXPECT_EQ(last.cycle(), run.total_cycles);
    ASSERT_EQ(run.rows.size(), first.rows.size());
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < run.rows.size(); ++i) {
      const TraceRow& row = run.rows[i];
      TraceRow expected = first.rows[i];
      add_counts(expected, other.rows[i], program.repetitions - 1);
      expected.pe_utilization = row.pe_utilization;
      expected.spill_reason = row.spill_reason;
      EXPECT_EQ(row.batch, 8);
      EXPECT_NEAR(row.energy_uj,
                  first.rows[i].energy_uj +
                      static_cast<double>(program.repetitions - 1) * other.rows[i].energy_uj,
                  1e-9 * row.energy_uj);
      for (double TraceRow::*energy :
           {&TraceRow::energy_uj, &TraceRow::energy_mac_uj, &TraceRow::energy_register_uj,
            &TraceRow::energy_buffer_uj, &TraceRow::energy_chip_uj,
            &TraceRow::energy_interconnect_uj, &TraceRow::energy_vector_uj,
            &TraceRow::energy_clock_uj, &TraceRow::energy_leakage_uj, &TraceRow::energy_dram_uj})
        expected.*energy = row.*energy;
      EXPECT_EQ(row, expected) << row.layer;
      sum += row.total_cycles;
    }
    EXPECT_EQ(sum, run.total_cycles);
    EXPECT_EQ(macs_of(run), network.num_macs());
    EXPECT_EQ(run.schedule, fmt::format("tiled, {} images at a time", part.batch));
  }
}

TEST(BatchTest, OutputsAndMacsGrowWithTheImagesAndWeightsAreReadAtMostAsOften) {
  int num_without_spills = 0;
  for_each_tiled_machine([&](const HardwareConfig& machine) {
    NetworkSimulator simulator(machine);
    for (const std::string& name : networks()) {
      const Network network = shipped_network(name);
      const std::int64_t batch = 4;
      SCOPED_TRACE(fmt::format("{} on {}", name, machine.name));
      const SimulatedNetwork single = simulator.run(network);
      const SimulatedNetwork run = simulator.run(with_images(network, batch));
      const Traffic one(single);
      const Traffic all(run);
      EXPECT_EQ(macs_of(run), batch * macs_of(single));
      if (!spills(single) && !spills(run)) {
        EXPECT_EQ(all.outputs, batch * one.outputs);
        ++num_without_spills;
      }
      std::int64_t weights = 0;
      for (const Layer& layer : network.layers) weights += layer.num_weights();
      EXPECT_GE(all.weights, weights);
      EXPECT_LE(all.weights, batch * one.weights);
      EXPECT_LE(all.weights + all.features, batch * (one.weights + one.features));
    }
  });
  EXPECT_GT(num_without_spills, 15);
}

// Every op, also with second operands of one value per channel.
TEST(BatchTest, RandomNetworksStoreEveryImageOnce) {
  for_each_tiled_machine([](const HardwareConfig& machine) {
    NetworkSimulator simulator(machine);
    for (std::uint64_t seed = 0; seed < 15; ++seed) {
      const Network network = RandomNetwork(seed, RandomNetwork::Channels::kMove).make(8);
      SCOPED_TRACE(fmt::format("seed {} on {}", seed, machine.name));
      const SimulatedNetwork single = simulator.run(network);
      const SimulatedNetwork run = simulator.run(with_images(network, 3));
      EXPECT_EQ(macs_of(run), 3 * macs_of(single));
      EXPECT_GE(Traffic(run).outputs, 3 * network.layers.back().ofm.num_elements());
      // Tiles are chosen by time: a few more bytes can be faster.
      EXPECT_LE(
          static_cast<double>(Traffic(run).weights + Traffic(run).features),
          1.02 * 3.0 * static_cast<double>(Traffic(single).weights + Traffic(single).features));
    }
  });
}

TEST(BatchTest, AFullyConnectedLayerIsAProductWithAsManyRowsAsImages) {
  for_each_tiled_machine([](const HardwareConfig& machine) {
    if (!std::holds_alternative<SystolicConfig>(machine.core)) return;
    NetworkSimulator simulator(machine);
    for (const std::int64_t batch : {1, 7, 64, 1000}) {
      const Network dense = layer_on({300, 2, 2}, Op::kFullyConnected, 1000);
      const Network product = layer_on({1200, batch, 1}, Op::kConv2d, 1000);
      const SimulatedNetwork of_batch = simulator.run(with_images(dense, batch));
      const SimulatedNetwork of_product = simulator.run(product);
      SCOPED_TRACE(fmt::format("{} images on {}", batch, machine.name));
      EXPECT_EQ(of_batch.rows[0].compute_cycles, of_product.rows[0].compute_cycles);
      EXPECT_EQ(of_batch.rows[0].dram_read_bytes, of_product.rows[0].dram_read_bytes);
      EXPECT_EQ(of_batch.rows[0].dram_write_bytes, of_product.rows[0].dram_write_bytes);
      const auto cycles = static_cast<double>(of_product.total_cycles);
      EXPECT_NEAR(static_cast<double>(of_batch.total_cycles), cycles, 0.001 * cycles);
    }
  });
}

/// An array of 16 x 16 with ideal memory and buffers for everything.
HardwareConfig array_of(const std::string& dataflow) {
  const std::string buffer = "{bytes: 67108864, num_slots: 1, num_banks: 16, port_bytes: 4}";
  return read_hardware_text(
      fmt::format("name: array\nclock_mhz: 1000\n"
                  "core:\n  kind: systolic\n  rows: 16\n  cols: 16\n  dataflow: {0}\n"
                  "  overlap_folds: false\n  depthwise: array\n"
                  "  input_buffer: {1}\n  weight_buffer: {1}\n  output_buffer: {1}\n"
                  "  accumulator_bytes: 4\n  vector_unit: {{lanes: 16, fuse_elementwise: false}}\n"
                  "dram: {{model: ideal}}\n",
                  dataflow, buffer),
      "array.yaml");
}

// SCALE-Sim v2, commit 22f88b1, with M of all images; it prints the index of the last cycle.
TEST(BatchTest, WithoutMemoryLimitsAConvolutionIsTheClosedFormOfTheProductOfAllImages) {
  constexpr std::int64_t kSide = 16;
  const std::vector<std::pair<Shape, std::int64_t>> layers = {
      {{3, 20, 20}, 7}, {{64, 7, 7}, 3}, {{17, 5, 9}, 1}, {{100, 1, 1}, 1}};
  for (const std::int64_t batch : {1, 2, 5, 16}) {
    for (const auto& [input, kernel] : layers) {
      const Network network = with_images(layer_on(input, Op::kConv2d, 40, kernel), batch);
      const std::int64_t m = batch * input.height * input.width;
      const std::int64_t n = 40;
      const std::int64_t k = input.channels * kernel * kernel;
      const auto folds = [](std::int64_t rows, std::int64_t cols) {
        return ceil_div(rows, kSide) * ceil_div(cols, kSide);
      };
      const auto cycles_of = [&](const char* dataflow) {
        return NetworkSimulator(array_of(dataflow)).run(network).rows[0].compute_cycles;
      };
      SCOPED_TRACE(
          fmt::format("{} images of {}x{}x{}", batch, input.channels, input.height, input.width));
      EXPECT_EQ(cycles_of("output_stationary"), folds(m, n) * (k + 2 * kSide - 2));
      EXPECT_EQ(cycles_of("weight_stationary"), folds(k, n) * (m + 3 * kSide - 2));
      EXPECT_EQ(cycles_of("input_stationary"), folds(k, m) * (n + 3 * kSide - 2));
    }
  }
}

TEST(BatchTest, MidapRefusesABatch) {
  const HardwareConfig machine = shipped_machine("midap");
  const Network network = with_images(shipped_network("resnet18"), 2);
  NetworkSimulator simulator(machine);
  EXPECT_THROW(simulator.run(network), InputError);
  EXPECT_THROW(make_feature_extractor(machine)->extract(network), InputError);
}

}  // namespace
}  // namespace tilewake
