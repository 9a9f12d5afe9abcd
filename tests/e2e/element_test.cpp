// SPDX-License-Identifier: Apache-2.0
// Laws of the type of elements (`core.element`).
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "simulator/api/simulation.hpp"
#include "simulator/energy/energy_table.hpp"
#include "tests/support/mapped_networks.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

void widen(SystolicConfig& core, std::int64_t times) {
  for (SystolicBuffer* buffer : {&core.input, &core.weight, &core.output}) {
    buffer->bytes *= times;
    buffer->port_bytes *= times;
  }
  core.unified_buffer_bytes *= times;
  core.accumulator_bytes *= times;
  core.feature_memory.bytes *= times;
  core.feature_memory.bytes_per_cycle *= times;
}
void widen(VectorConfig& core, std::int64_t times) {
  core.local_memory_bytes *= times;
  core.accumulator_bytes *= times;
  core.feature_memory.bytes *= times;
  core.feature_memory.bytes_per_cycle *= times;
}
void widen(MidapConfig& /*core*/, std::int64_t /*times*/) {}

void set_element(HardwareConfig& machine, ElementType element) {
  if (auto* systolic = std::get_if<SystolicConfig>(&machine.core)) systolic->element = element;
  if (auto* vector = std::get_if<VectorConfig>(&machine.core)) vector->element = element;
}

/// One bus without rows and refreshes, so that transfers take as long if all bytes are multiplied.
LatencyBandwidthDramConfig bus_of(std::int64_t bytes, double clock_mhz) {
  LatencyBandwidthDramConfig dram;
  dram.num_channels = dram.beats_per_clock = 1;
  dram.bus_bytes = bytes;
  dram.clock_mhz = dram.npu_clock_mhz = clock_mhz;
  dram.first_access_cycles = 50.0;
  dram.row_bytes = dram.first_row_bytes = std::int64_t{1} << 40;
  dram.refresh_bytes = dram.first_refresh_bytes = std::int64_t{1} << 40;
  return dram;
}

std::vector<HardwareConfig> machines_with_a_bus() {
  std::vector<HardwareConfig> machines;
  for (const std::string& name : shipped_machine_names()) {
    HardwareConfig machine = shipped_machine(name);
    if (std::holds_alternative<MidapConfig>(machine.core)) continue;
    machine.dram = bus_of(8, machine.clock_mhz);
    machines.push_back(std::move(machine));
  }
  return machines;
}

std::vector<Network> some_networks() {
  std::vector<Network> networks = {shipped_network("mobilenet_v2"), shipped_network("unet"),
                                   shipped_network("bert_tiny")};
  for (int seed = 0; seed < 20; ++seed) networks.push_back(moving_network(seed));
  return networks;
}

/// The bytes of a row that transfers move.
std::vector<std::int64_t> moved_bytes(const TraceRow& row) {
  return {row.dram_read_feature_bytes, row.dram_read_weight_bytes, row.dram_read_bias_bytes,
          row.dram_write_bytes,        row.chip_read_bytes,        row.chip_write_bytes};
}

/// The bytes of a row that the core reads from and writes to its buffers: some are means.
std::vector<std::int64_t> buffer_bytes(const TraceRow& row) {
  return {row.input_buffer_read_bytes, row.weight_buffer_read_bytes, row.output_buffer_read_bytes,
          row.output_buffer_write_bytes};
}

// A larger type with memories, ports and a bus as much larger is the same machine.
TEST(ElementTest, IfAllBytesGrowWithTheElementNoCycleChanges) {
  for (const HardwareConfig& machine : machines_with_a_bus()) {
    for (const auto& [element, times] :
         {std::pair{ElementType::kFp16, std::int64_t{2}}, {ElementType::kFp32, std::int64_t{4}}}) {
      HardwareConfig wide = machine;
      set_element(wide, element);
      std::visit([times = times](auto& core) { widen(core, times); }, wide.core);
      wide.dram = bus_of(8 * times, machine.clock_mhz);
      NetworkSimulator simulator(machine);
      NetworkSimulator wide_simulator(wide);
      for (const Network& network : some_networks()) {
        SCOPED_TRACE(fmt::format("{} of {}, {}", machine.name, to_string(element), network.name));
        const SimulatedNetwork run = simulator.run(network);
        const SimulatedNetwork wide_run = wide_simulator.run(network);
        ASSERT_EQ(wide_run.total_cycles, run.total_cycles);
        ASSERT_EQ(wide_run.rows.size(), run.rows.size());
        for (std::size_t i = 0; i < run.rows.size(); ++i) {
          SCOPED_TRACE(run.rows[i].layer);
          ASSERT_EQ(wide_run.rows[i].array_macs, run.rows[i].array_macs);
          ASSERT_EQ(wide_run.rows[i].vector_operations, run.rows[i].vector_operations);
          std::vector<std::int64_t> expected = moved_bytes(run.rows[i]);
          for (std::int64_t& bytes : expected) bytes *= times;
          ASSERT_EQ(moved_bytes(wide_run.rows[i]), expected);
          const std::vector<std::int64_t> of_buffers = buffer_bytes(run.rows[i]);
          const std::vector<std::int64_t> wide_of_buffers = buffer_bytes(wide_run.rows[i]);
          for (std::size_t k = 0; k < of_buffers.size(); ++k)
            ASSERT_LE(std::abs(wide_of_buffers[k] - times * of_buffers[k]), 2 * times);  // rounded
        }
      }
    }
  }
}

// A file may count values of int16 as bytes (`energy.element`), or their bytes.
TEST(ElementTest, ValuesCountedAsBytesHaveTheEnergyAndAreaOfTheirBytes) {
  for (const HardwareConfig& machine : machines_with_a_bus()) {
    const auto* core = std::get_if<SystolicConfig>(&machine.core);
    if (core == nullptr) continue;
    HardwareConfig values = machine;
    std::get<SystolicConfig>(values.core)
        .feature_memory = {};  // of banks that a port's bytes decide
    values.energy.element = ElementType::kInt16;
    values.energy.registers = {};
    values.energy.dram.background_mw = values.energy.dram.refresh_mw =
        0.0;  // of a bus half as wide
    HardwareConfig bytes = values;
    set_element(bytes, ElementType::kInt16);
    widen(std::get<SystolicConfig>(bytes.core), 2);
    bytes.dram = bus_of(16, machine.clock_mhz);
    SCOPED_TRACE(machine.name);
    EXPECT_NEAR(energy_table(bytes).area_mm2, energy_table(values).area_mm2, 1e-9);
    const Network network = shipped_network("mobilenet_v2");
    const SimulatedNetwork of_values = NetworkSimulator(values).run(network);
    const SimulatedNetwork of_bytes = NetworkSimulator(bytes).run(network);
    for (std::size_t i = 0; i < of_values.rows.size(); ++i) {
      const TraceRow& row = of_values.rows[i];
      SCOPED_TRACE(row.layer);
      for (const auto cause :
           {&TraceRow::energy_mac_uj, &TraceRow::energy_register_uj, &TraceRow::energy_buffer_uj,
            &TraceRow::energy_interconnect_uj, &TraceRow::energy_vector_uj,
            &TraceRow::energy_clock_uj, &TraceRow::energy_leakage_uj, &TraceRow::energy_dram_uj})
        ASSERT_NEAR(of_bytes.rows[i].*cause, row.*cause, 1e-6 * row.energy_uj);
    }
  }
}

// The mapper estimates, so that a tiling can be a little worse than its estimate.
TEST(ElementTest, ALargerElementIsNotFaster) {
  for (const std::string& name : shipped_machine_names()) {
    const HardwareConfig machine = shipped_machine(name);
    if (std::holds_alternative<MidapConfig>(machine.core)) continue;
    HardwareConfig wide = machine;
    set_element(wide, ElementType::kFp32);
    std::visit(
        [](auto& core) {
          if constexpr (requires { core.accumulator_bytes; }) core.accumulator_bytes = 8;
        },
        wide.core);
    for (const char* network : {"mobilenet_v2", "unet", "bert_tiny"}) {
      SCOPED_TRACE(fmt::format("{}, {}", name, network));
      const auto cycles = [&](const HardwareConfig& hardware) {
        return static_cast<double>(
            NetworkSimulator(hardware).run(shipped_network(network)).total_cycles);
      };
      EXPECT_GE(cycles(wide), 0.99 * cycles(machine));
    }
  }
}

}  // namespace
}  // namespace tilewake
