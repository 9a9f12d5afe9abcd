// SPDX-License-Identifier: Apache-2.0
#include "simulator/energy/layer_energy.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "simulator/api/inputs.hpp"
#include "simulator/api/simulation.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

using Energy = double TraceRow::*;

constexpr Energy kCauses[] = {
    &TraceRow::energy_mac_uj,   &TraceRow::energy_register_uj,     &TraceRow::energy_buffer_uj,
    &TraceRow::energy_chip_uj,  &TraceRow::energy_interconnect_uj, &TraceRow::energy_vector_uj,
    &TraceRow::energy_clock_uj, &TraceRow::energy_leakage_uj,      &TraceRow::energy_dram_uj,
};

Machine shipped_for_energy(const std::string& name, const std::vector<YamlOverride>& values = {}) {
  return read_machine(source_path("hw_configs/" + name + ".yaml").string(), values);
}

Simulation run_of(const std::string& machine, const std::string& network,
                  const std::vector<YamlOverride>& values = {}) {
  return simulate(shipped_for_energy(machine, values),
                  read_workload(source_path("networks/" + network + ".yaml").string()));
}

double total_of(const Simulation& run, Energy cause) {
  double sum = 0.0;
  for (const TraceRow& row : run.layers) sum += row.*cause;
  return sum;
}

const std::vector<std::string> kMachinesOfEachKind = {"midap", "midap_lpddr4", "tpu_like_128",
                                                      "edge_systolic_32", "dsp_like"};

/// Counts chosen by hand, and a table whose figures are powers of ten: each term is visible.
TEST(LayerEnergyTest, IsTheSumOfCountsTimesFigures) {
  TraceRow row;
  row.array_macs = 1;
  row.vector_operations = 2;
  row.input_buffer_read_bytes = 3;
  row.weight_buffer_read_bytes = 4;
  row.output_buffer_read_bytes = 5;
  row.output_buffer_write_bytes = 6;
  row.dram_read_feature_bytes = 7;
  row.dram_read_weight_bytes = 8;
  row.dram_read_bytes = 15;
  row.dram_write_bytes = 9;
  row.row_misses = 2;
  row.total_cycles = 10;
  row.compute_cycles = 4;
  EnergyTable t;
  t.mac_pj = 1e6;
  t.registers_per_mac = 4;
  t.register_pj = 1e6;
  t.input = {1e6, 10e6};
  t.weight = {100e6, 1000e6};
  t.output = {1e10, 1e11};
  t.wire_pj = 1e6;
  t.hop_mm = 1;
  t.vector_pj = 1e6;
  t.clock_pj = 1e6;
  t.idle_pj = 10e6;
  t.leakage_pj = 1e6;
  t.activate_pj = 1e6;
  t.dram_read_pj = 100e6;
  t.dram_write_pj = 1e10;
  t.dram_background_pj = 1e14;
  add_energy(t, row);
  EXPECT_DOUBLE_EQ(row.energy_mac_uj, 1);
  EXPECT_DOUBLE_EQ(row.energy_register_uj, 4);
  EXPECT_DOUBLE_EQ(row.energy_buffer_uj,
                   3 + 70 + 400 + 8000 + (5.0 + 9) * 1e4 + 6e5);  // reads, fills, drains
  EXPECT_DOUBLE_EQ(row.energy_interconnect_uj, 3 + 4 + 5 + 6 + 7 + 8 + 9);
  EXPECT_DOUBLE_EQ(row.energy_vector_uj, 2);
  EXPECT_DOUBLE_EQ(row.energy_clock_uj, 4 + 60);
  EXPECT_DOUBLE_EQ(row.energy_leakage_uj, 10);
  EXPECT_DOUBLE_EQ(row.energy_dram_uj, 2 + 1500 + 9e4 + 1e9);
}

TEST(LayerEnergyTest, LayersAndCausesAddUpToTheNetwork) {
  for (const std::string& machine : kMachinesOfEachKind) {
    const Simulation run = run_of(machine, "mobilenet_v2");
    double sum = 0.0;
    for (const TraceRow& row : run.layers) {
      double causes = 0.0;
      for (const Energy cause : kCauses) {
        EXPECT_GE(row.*cause, 0.0) << row.layer;
        causes += row.*cause;
      }
      EXPECT_DOUBLE_EQ(row.energy_uj, causes) << row.layer;
      sum += row.energy_uj;
    }
    EXPECT_GT(sum, 0.0) << machine;
    EXPECT_NEAR(run.summary.energy_mj, sum * 1e-3, 1e-9 * sum) << machine;
    EXPECT_NEAR(run.summary.energy_dram_mj, total_of(run, &TraceRow::energy_dram_uj) * 1e-3,
                1e-9 * sum);
    EXPECT_NEAR(run.summary.average_power_mw, run.summary.energy_mj / run.summary.latency_ms * 1e3,
                1e-9 * run.summary.average_power_mw);
    EXPECT_LT(run.summary.average_power_mw, run.summary.peak_power_mw) << machine;
  }
}

TEST(LayerEnergyTest, AFigureOfZeroRemovesExactlyItsShare) {
  const std::vector<std::pair<Energy, std::vector<YamlOverride>>> cases = {
      {&TraceRow::energy_mac_uj, {{"energy.mac_pj", "0"}}},
      {&TraceRow::energy_register_uj, {{"energy.registers.access_pj", "0"}}},
      {&TraceRow::energy_chip_uj,
       {{"energy.chip_memory.read_pj", "0"}, {"energy.chip_memory.write_pj", "0"}}},
      {&TraceRow::energy_interconnect_uj, {{"energy.interconnect.wire_pj", "0"}}},
      {&TraceRow::energy_vector_uj, {{"energy.vector_pj", "0"}}},
      {&TraceRow::energy_clock_uj, {{"energy.clock_pj", "0"}}},
      {&TraceRow::energy_leakage_uj, {{"energy.leakage_pj", "0"}}},
      {&TraceRow::energy_dram_uj, {{"energy.dram.standard", "none"}}},
  };
  for (const std::string& machine : kMachinesOfEachKind) {
    const Simulation whole = run_of(machine, "mobilenet_v2");
    for (const auto& [cause, values] : cases) {
      const Simulation without = run_of(machine, "mobilenet_v2", values);
      ASSERT_EQ(without.layers.size(), whole.layers.size());
      for (std::size_t i = 0; i < whole.layers.size(); ++i) {
        for (const Energy other : kCauses)
          EXPECT_EQ(without.layers[i].*other, other == cause ? 0.0 : whole.layers[i].*other)
              << machine << " " << values[0].path << " " << whole.layers[i].layer;
      }
    }
  }
}

TEST(LayerEnergyTest, TwiceTheBatchTakesTwiceTheEnergyOfMacs) {
  const Workload one = read_workload(source_path("networks/resnet18.yaml").string());
  for (const std::string machine : {"edge_systolic_32", "dsp_like"}) {
    const Simulation single = simulate(shipped_for_energy(machine), one);
    const Simulation twice = simulate(shipped_for_energy(machine), with_batch(one, 2));
    EXPECT_NEAR(total_of(twice, &TraceRow::energy_mac_uj),
                2.0 * total_of(single, &TraceRow::energy_mac_uj), 1e-6);
    EXPECT_NEAR(total_of(twice, &TraceRow::energy_register_uj),
                2.0 * total_of(single, &TraceRow::energy_register_uj), 1e-6);
    EXPECT_LT(total_of(twice, &TraceRow::energy_dram_uj),
              2.0 * total_of(single, &TraceRow::energy_dram_uj));  // weights are loaded once
  }
}

TEST(LayerEnergyTest, HalfTheTrafficTakesHalfTheDynamicEnergyOfDram) {
  EnergyTable t = energy_table(shipped_machine("edge_systolic_32"));
  t.dram_background_pj = t.dram_refresh_pj = 0.0;
  TraceRow row;
  row.dram_read_bytes = row.dram_read_feature_bytes = 4096;
  row.dram_write_bytes = 2048;
  row.row_misses = 4;
  add_energy(t, row);
  TraceRow half = row;
  half.dram_read_bytes /= 2;
  half.dram_read_feature_bytes /= 2;
  half.dram_write_bytes /= 2;
  half.row_misses /= 2;
  add_energy(t, half);
  EXPECT_DOUBLE_EQ(half.energy_dram_uj, 0.5 * row.energy_dram_uj);
}

TEST(LayerEnergyTest, MacsOnTheArrayAreThoseOfTheNetwork) {
  for (const std::string machine : {"edge_systolic_32", "dsp_like"}) {
    for (const TraceRow& row : run_of(machine, "resnet18").layers)
      if (row.op == Op::kConv2d || row.op == Op::kFullyConnected) {
        EXPECT_EQ(row.array_macs, row.macs) << row.layer;
      }
  }
}

}  // namespace
}  // namespace tilewake
