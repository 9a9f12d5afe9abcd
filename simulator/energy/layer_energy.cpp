// SPDX-License-Identifier: Apache-2.0
#include "simulator/energy/layer_energy.hpp"

#include <cstdint>

namespace tilewake {
namespace {

constexpr double kMicrojoulesPerPicojoule = 1e-6;

double amount(std::int64_t count) { return static_cast<double>(count); }

}  // namespace

void add_energy(const EnergyTable& t, TraceRow& row) {
  const double macs = amount(row.array_macs);
  const double weight_fills =
      amount(row.dram_read_weight_bytes + row.dram_read_bias_bytes + row.chip_read_weight_bytes);
  const double input_fills =
      amount(row.dram_read_feature_bytes + row.chip_read_bytes - row.chip_read_weight_bytes);
  const double drains = amount(row.dram_write_bytes + row.chip_write_bytes);
  const double input_reads = amount(row.input_buffer_read_bytes);
  const double weight_reads = amount(row.weight_buffer_read_bytes);
  const double output_reads = amount(row.output_buffer_read_bytes);
  const double output_writes = amount(row.output_buffer_write_bytes);
  const double hops = input_reads * t.input_hops + weight_reads * t.weight_hops + output_reads +
                      output_writes + input_fills + weight_fills + drains;
  const double dram_entries = amount(row.dram_read_bytes + row.dram_write_bytes);
  const double activates = amount(row.row_misses) + dram_entries * t.activates_per_entry;
  const double busy = amount(row.compute_cycles);
  const double cycles = amount(row.total_cycles);
  const auto microjoules = [](double picojoules) { return kMicrojoulesPerPicojoule * picojoules; };

  row.energy_mac_uj = microjoules(macs * t.mac_pj);
  row.energy_register_uj = microjoules(macs * t.registers_per_mac * t.register_pj);
  row.energy_buffer_uj =
      microjoules(input_reads * t.input.read_pj + input_fills * t.input.write_pj +
                  weight_reads * t.weight.read_pj + weight_fills * t.weight.write_pj +
                  (output_reads + drains) * t.output.read_pj + output_writes * t.output.write_pj);
  row.energy_chip_uj = microjoules(amount(row.chip_read_bytes) * t.chip.read_pj +
                                   amount(row.chip_write_bytes) * t.chip.write_pj);
  row.energy_interconnect_uj = microjoules((hops * t.hop_mm + macs * t.mac_mm) * t.wire_pj);
  row.energy_vector_uj = microjoules(amount(row.vector_operations) * t.vector_pj);
  row.energy_clock_uj = microjoules(busy * t.clock_pj + (cycles - busy) * t.idle_pj);
  row.energy_leakage_uj = microjoules(cycles * t.leakage_pj);
  row.energy_dram_uj =
      microjoules(activates * t.activate_pj + amount(row.dram_read_bytes) * t.dram_read_pj +
                  amount(row.dram_write_bytes) * t.dram_write_pj +
                  cycles * (t.dram_background_pj + t.dram_refresh_pj));
  row.energy_uj = row.energy_mac_uj + row.energy_register_uj + row.energy_buffer_uj +
                  row.energy_chip_uj + row.energy_interconnect_uj + row.energy_vector_uj +
                  row.energy_clock_uj + row.energy_leakage_uj + row.energy_dram_uj;
}

void add_energy(const EnergyTable& table, std::vector<TraceRow>& rows) {
  for (TraceRow& row : rows) add_energy(table, row);
}

}  // namespace tilewake
