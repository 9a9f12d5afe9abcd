// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "simulator/api/simulation.hpp"
#include "simulator/common/math.hpp"
#include "simulator/network/network_yaml.hpp"
#include "simulator/network/scalesim_csv.hpp"
#include "tests/support/random.hpp"
#include "tests/support/reference_table.hpp"

namespace tilewake {
namespace {

/// A systolic array with ideal memory, and buffers of `buffer_bytes`.
HardwareConfig array_of(const std::string& dataflow, int side, std::int64_t buffer_bytes) {
  const std::string buffer =
      fmt::format("{{bytes: {}, num_slots: 2, num_banks: {}, port_bytes: 4}}", buffer_bytes, side);
  return read_hardware_text(
      fmt::format("name: array\nclock_mhz: 1000\n"
                  "core:\n  kind: systolic\n  rows: {0}\n  cols: {0}\n  dataflow: {1}\n"
                  "  overlap_folds: false\n  depthwise: array\n"
                  "  input_buffer: {2}\n  weight_buffer: {2}\n  output_buffer: {2}\n"
                  "  accumulator_bytes: 4\n"
                  "  vector_unit: {{lanes: {0}, fuse_elementwise: false}}\n"
                  "dram: {{model: ideal}}\n",
                  side, dataflow, buffer),
      "array.yaml");
}

/// Windows that start on the map count, even if they exceed it.
Network layer_of(const ReferenceRow& row) {
  const auto missing = [&](const char* size, const char* kernel) {
    const std::int64_t stride = row.number("stride_h");
    const std::int64_t outputs = ceil_div(row.number(size) - row.number(kernel) + stride, stride);
    return std::max<std::int64_t>(0,
                                  (outputs - 1) * stride + row.number(kernel) - row.number(size));
  };
  return read_network_text(
      fmt::format("name: layer\ninput: {{channels: {}, height: {}, width: {}}}\nlayers:\n"
                  "  - {{name: layer, op: conv2d, out_channels: {}, kernel: [{}, {}], stride: {}, "
                  "padding: [0, 0, {}, {}], bias: false}}\n",
                  row.number("channels"), row.number("ifmap_h"), row.number("ifmap_w"),
                  row.number("num_filt"), row.number("filt_h"), row.number("filt_w"),
                  row.number("stride_h"), missing("ifmap_h", "filt_h"),
                  missing("ifmap_w", "filt_w")),
      "layer.yaml");
}

/// The same from a line of a topology.
Network topology_layer(const ReferenceRow& row) {
  std::string line = "layer, ";
  for (const char* key :
       {"ifmap_h", "ifmap_w", "filt_h", "filt_w", "channels", "num_filt", "stride"})
    line += fmt::format("{}, ", row.number(key));
  return read_scalesim_topology(
             "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, "
             "Num Filter, Strides,\n" +
                 line + "\n",
             "layer.csv")
      .networks.at(0);
}

struct Table {
  std::string file;
  std::string dataflow;
  int side = 0;
};

std::vector<Table> tables() {
  const std::pair<const char*, const char*> dataflows[] = {
      {"os", "output_stationary"}, {"ws", "weight_stationary"}, {"is", "input_stationary"}};
  std::vector<Table> all;
  for (const char* net : {"alexnet", "mobilenet"})
    for (const auto& [word, dataflow] : dataflows)
      for (const int side : {16, 32, 128})
        all.push_back({fmt::format("scalesim/{}_{}_{}.csv", net, word, side), dataflow, side});
  return all;
}

/// SCALE-Sim prints the index of the last cycle.
TEST(ScaleSimTest, ComputeCyclesOfEveryPublishedLayerAreTheClosedForm) {
  int num_layers = 0;
  for (const Table& table : tables()) {
    for (const std::int64_t buffer_bytes : {std::int64_t{64} << 10, std::int64_t{8} << 20}) {
      NetworkSimulator machine(array_of(table.dataflow, table.side, buffer_bytes));
      for (const ReferenceRow& row : read_reference_table(table.file)) {
        SCOPED_TRACE(
            fmt::format("{} {} buffers of {}", table.file, row.text("name"), buffer_bytes));
        ASSERT_EQ(row.number("stride_h"), row.number("stride_w"));
        const SimulatedNetwork run = machine.run(layer_of(row));
        ASSERT_EQ(run.rows.size(), 1u);
        EXPECT_EQ(run.rows[0].compute_cycles, row.number("total_cycles") + 1);
        EXPECT_EQ(run.rows[0].total_cycles, run.rows[0].compute_cycles);
        ++num_layers;
      }
    }
  }
  EXPECT_GT(num_layers, 500);
}

// Maps of one row, windows as wide as the map, and others that do not fit small buffers in rows.
TEST(ScaleSimTest, SmallBuffersCostNoCyclesOnUnusualLayers) {
  const std::map<std::string, std::string> dataflows = {
      {"os", "output_stationary"}, {"ws", "weight_stationary"}, {"is", "input_stationary"}};
  int num_layers = 0;
  for (const ReferenceRow& row : read_reference_table("scalesim_64k.csv")) {
    for (const std::int64_t buffer_bytes : {std::int64_t{64} << 10, std::int64_t{8} << 20}) {
      SCOPED_TRACE(fmt::format("{} {} {} {}, buffers of {}", row.text("topology"),
                               row.text("layer"), row.text("dataflow"), row.number("side"),
                               buffer_bytes));
      NetworkSimulator machine(array_of(dataflows.at(row.text("dataflow")),
                                        static_cast<int>(row.number("side")), buffer_bytes));
      const SimulatedNetwork run = machine.run(topology_layer(row));
      EXPECT_EQ(run.total_cycles, row.number("cycles"));
      ++num_layers;
    }
  }
  EXPECT_GT(num_layers, 80);
}

/// Of M x K times K x N, for each head.
Network product_of(std::int64_t m, std::int64_t k, std::int64_t n, std::int64_t heads) {
  return read_network_text(
      fmt::format("name: product\ninput: {{channels: {}, height: {}, width: 1}}\nlayers:\n"
                  "  - {{name: b, op: constant, out_channels: {}, out_size: [{}, 1]}}\n"
                  "  - {{name: product, op: matmul, groups: {}, inputs: [input, b]}}\n",
                  heads * k, m, heads * n, k, heads),
      "product.yaml");
}

TEST(ScaleSimTest, AMatmulTakesTheClosedFormOfItsSizes) {
  Random random(1);
  for (const char* dataflow : {"output_stationary", "weight_stationary", "input_stationary"}) {
    for (const int side : {16, 32}) {
      NetworkSimulator machine(array_of(dataflow, side, std::int64_t{8} << 20));
      for (int i = 0; i < 30; ++i) {
        const std::int64_t m = random.between(1, 300);
        const std::int64_t k = random.between(1, 300);
        const std::int64_t n = random.between(1, 300);
        const std::int64_t heads = random.between(1, 4);
        SCOPED_TRACE(fmt::format("{} {}: {} x {} x {}, {} heads", dataflow, side, m, k, n, heads));
        // Rows and columns cover two of the sizes; the third one streams. A stationary operand is
        // loaded first, a row a cycle.
        const bool outputs_stay = dataflow[0] == 'o';
        const bool weights_stay = dataflow[0] == 'w';
        const std::int64_t on_rows = outputs_stay ? m : k;
        const std::int64_t on_cols = outputs_stay || weights_stay ? n : m;
        const std::int64_t stream = outputs_stay ? k : weights_stay ? m : n;
        const std::int64_t folds =
            ceil_div<std::int64_t>(on_rows, side) * ceil_div<std::int64_t>(on_cols, side);
        const std::int64_t cycles =
            heads * folds * (stream + (outputs_stay ? 0 : side) + 2 * side - 2);
        EXPECT_EQ(machine.run(product_of(m, k, n, heads)).total_cycles, cycles);
      }
    }
  }
}

}  // namespace
}  // namespace tilewake
