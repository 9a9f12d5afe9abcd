// SPDX-License-Identifier: Apache-2.0
#include "simulator/energy/energy_table.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <variant>

#include "simulator/energy/access_counts.hpp"
#include "simulator/energy/dram_energy.hpp"
#include "simulator/energy/technology.hpp"
#include "simulator/hardware/hardware_yaml.hpp"

namespace tilewake {
namespace {

constexpr double kMm2PerUm2 = 1e-6;
constexpr double kBankPortBytes = 16.0;       // of memories whose banks the file does not give
constexpr double kRegisterFileBytes = 512.0;  // of a SIMD unit of 16 bytes: 32 registers, as NEON
constexpr double kSimdBytes = 16.0;
constexpr double kMostFlipFlopBytes = 64.0;  // larger ones are SRAM
constexpr double kClockShare = 0.2046;       // of the power of a PE: Han et al., ISCA 2016
constexpr double kLeakageMwPerMm2 = 2.0;     // assumed

/// What a core kind has, and what it does in a cycle in which all MAC units work.
struct CoreFigures {
  double num_macs = 0.0;  // units
  double num_cores = 1.0;
  double vector_lanes = 0.0;            // of all cores, besides the MAC units
  double register_bytes = 0.0;          // in entries: that an access selects from
  double register_bytes_per_mac = 0.0;  // in entries: for the area
  double registers_per_mac = 0.0;
  double passes_per_mac = 0.0;  // entries that a product passes on to a neighbour
  double input_bank = 0.0, weight_bank = 0.0, output_bank = 0.0, chip_bank = 0.0;  // entries
  double chip_entries = 0.0;  // through the port of the memory of feature maps in a cycle
  double sram_entries = 0.0;
  double input_hops = 1.0, weight_hops = 1.0;
  // entries in a cycle
  double input_reads = 0.0, weight_reads = 0.0, output_accesses = 0.0;
};

double count_of(std::int64_t value) { return static_cast<double>(value); }

/// A bank of the memory in which a slot of `buffer` is.
double bank_of(const SystolicBuffer& buffer, const SystolicConfig& c) {
  const std::int64_t bytes = buffer.bytes > 0 ? buffer.bytes : c.unified_buffer_bytes;
  return std::max(1.0, count_of(bytes) / count_of(buffer.num_banks));
}

/// A bank of a memory that delivers `bytes_per_cycle`.
double bank_of(double bytes, double bytes_per_cycle) {
  return bytes / std::max(1.0, bytes_per_cycle / kBankPortBytes);
}

double chip_bank_of(const FeatureMemory& memory) {
  return bank_of(count_of(memory.bytes), count_of(memory.bytes_per_cycle));
}

CoreFigures figures_of(const SystolicConfig& c) {
  const double element = count_of(element_bytes(c.element));
  const double rows = count_of(c.rows);
  const double cols = count_of(c.cols);
  const double sum = count_of(c.accumulator_bytes);
  CoreFigures f;
  f.num_cores = count_of(c.num_cores);
  f.num_macs = f.num_cores * rows * cols;
  f.vector_lanes = f.num_cores * count_of(c.vector_lanes);
  f.register_bytes = f.register_bytes_per_mac = 2.0 * element + sum;
  f.input_bank = bank_of(c.input, c);
  f.weight_bank = bank_of(c.weight, c);
  f.output_bank = bank_of(c.output, c);
  f.chip_bank = chip_bank_of(c.feature_memory);
  f.sram_entries = count_of(c.feature_memory.bytes);
  f.chip_entries = c.feature_memory.bytes > 0 ? count_of(c.feature_memory.bytes_per_cycle) : 0.0;
  // A sum is read and written for each product; an operand that moves is written and read.
  switch (c.dataflow) {
    case Dataflow::kOutputStationary:
      f.registers_per_mac = 4.0 * element + 2.0 * sum;
      f.passes_per_mac = 2.0 * element;
      f.input_reads = element * f.num_macs / cols;
      f.weight_reads = element * f.num_macs / rows;
      break;
    case Dataflow::kWeightStationary:
      f.registers_per_mac = 3.0 * element + 2.0 * sum;
      f.passes_per_mac = element + sum;
      f.input_reads = element * f.num_macs / cols;
      f.output_accesses = 2.0 * sum * f.num_macs / rows;
      break;
    case Dataflow::kInputStationary:
      f.registers_per_mac = 3.0 * element + 2.0 * sum;
      f.passes_per_mac = element + sum;
      f.weight_reads = element * f.num_macs / cols;
      f.output_accesses = 2.0 * sum * f.num_macs / rows;
      break;
  }
  return f;
}

CoreFigures figures_of(const VectorConfig& c) {
  const double products = count_of(c.lanes) * count_of(c.dot_length);
  const double element = count_of(element_bytes(c.element));
  CoreFigures f;
  f.num_cores = count_of(c.num_cores);
  f.num_macs = f.num_cores * products;
  f.register_bytes = kRegisterFileBytes;
  f.register_bytes_per_mac = kRegisterFileBytes / kSimdBytes;
  f.registers_per_mac =
      2.0 * element + 2.0 * count_of(c.accumulator_bytes) / count_of(c.dot_length);
  const double bank = bank_of(count_of(c.local_memory_bytes), element * f.num_macs);
  f.input_bank = f.weight_bank = f.output_bank = bank;
  f.chip_bank = chip_bank_of(c.feature_memory);
  f.sram_entries = count_of(c.feature_memory.bytes);
  f.chip_entries = c.feature_memory.bytes > 0 ? count_of(c.feature_memory.bytes_per_cycle) : 0.0;
  const double shared = element * f.num_macs / count_of(c.lanes);  // an operand of all lanes
  const double of_lanes = element * f.num_macs / kOperandReuse;
  const bool over_pixels = c.lane_axis == LaneAxis::kPixels;
  f.input_reads = over_pixels ? of_lanes : shared;
  f.weight_reads = over_pixels ? shared : of_lanes;
  return f;
}

CoreFigures figures_of(const MidapConfig& c) {
  constexpr double kSumBytes = 4.0;
  const double width = count_of(c.system_width);
  CoreFigures f;
  f.num_macs = count_of(c.num_cims) * width;
  f.register_bytes = f.register_bytes_per_mac = 2.0;
  f.registers_per_mac = 2.0 + 2.0 * kSumBytes / width;  // operands, and a sum of each CIM
  f.input_bank = f.output_bank = count_of(c.fmem_bank_bytes);
  f.weight_bank = count_of(c.wmem_bank_bytes);
  f.sram_entries = count_of(c.reduction_bytes);
  f.input_hops = 2.0;   // a row is sent to all CIMs: along the whole side
  f.weight_hops = 0.0;  // each CIM has its bank beside it
  f.input_reads = width;
  f.weight_reads = f.num_macs;
  return f;
}

double num_channels_of(const BankedDramConfig& c) {
  return count_of(c.num_channels) * count_of(c.num_ranks);
}
/// As channels of 16 bits of LPDDR4.
double num_channels_of(const LatencyBandwidthDramConfig& c) {
  return std::max(1.0, count_of(c.num_channels) * count_of(c.bus_bytes) / 2.0);
}
double num_channels_of(const IdealDramConfig& /*c*/) { return 0.0; }

bool counts_rows(const DramConfig& dram) { return std::holds_alternative<BankedDramConfig>(dram); }

/// `value`, or `fallback` if it is auto.
double resolved(double value, double fallback) {
  return value == EnergyConfig::kAuto ? fallback : value;
}

EnergyTable::Memory memory_of(const EnergyConfig::Memory& given, double auto_pj) {
  return {resolved(given.read_pj, auto_pj), resolved(given.write_pj, auto_pj)};
}

/// Computes the table of `energy`, whose node, voltage and element are those of the machine.
class TableBuilder {
 public:
  TableBuilder(const HardwareConfig& hardware, const EnergyConfig& energy)
      : hardware_(hardware),
        energy_(energy),
        figures_(std::visit([](const auto& core) { return figures_of(core); }, hardware.core)),
        scale_(energy_scale(energy.node_nm,
                            resolved(energy.voltage, nominal_voltage(energy.node_nm)))),
        element_(hardware.arithmetic()),
        core_element_bytes_(count_of(element_bytes(hardware.element()))),
        entry_bytes_(count_of(element_bytes(element_)) / core_element_bytes_) {}

  EnergyTable build() {
    add_area();
    add_core();
    add_dram();
    // Shares of the power are those of default figures, so that a value in the file changes its
    // own share only.
    const bool is_default = energy_ == with_defaults();
    const EnergyTable defaults =
        is_default ? table_ : TableBuilder(hardware_, with_defaults()).build();
    const double others_pj = is_default ? core_pj(table_) : 0.0;
    table_.clock_pj =
        resolved(energy_.clock_pj,
                 is_default ? others_pj * kClockShare / (1.0 - kClockShare) : defaults.clock_pj);
    table_.idle_pj = table_.clock_pj * (1.0 - energy_.clock_gating);
    table_.leakage_pj = resolved(
        energy_.leakage_pj,
        kLeakageMwPerMm2 * (is_default ? table_.area_mm2 : defaults.area_mm2) * pj_per_mw_cycle());
    table_.peak_power_mw = (core_pj(table_) + figures_.vector_lanes * table_.vector_pj +
                            table_.clock_pj + table_.leakage_pj + chip_pj() + dram_pj()) /
                           pj_per_mw_cycle();
    if (std::isinf(table_.peak_power_mw)) table_.peak_power_mw = 0.0;
    return table_;
  }

 private:
  /// What is not the energy or area of a component.
  EnergyConfig with_defaults() const {
    EnergyConfig defaults;
    defaults.node_nm = energy_.node_nm;
    defaults.voltage = energy_.voltage;
    defaults.element = energy_.element;
    defaults.clock_gating = energy_.clock_gating;
    defaults.registers.bytes = energy_.registers.bytes;
    defaults.registers.accesses_per_mac = energy_.registers.accesses_per_mac;
    defaults.dram.standard = energy_.dram.standard;
    return defaults;
  }

  /// 1 mW during a cycle: 1 nJ a us.
  double pj_per_mw_cycle() const { return 1e3 / hardware_.clock_mhz; }

  double sram_pj(double bank_entries) const {
    return scale_ * sram_access_pj(bank_entries * entry_bytes_, entry_bytes_);
  }

  void add_area() {
    const EnergyConfig::Area& area = energy_.area;
    const double scale = area_scale(energy_.node_nm);
    const double mac_um2 = resolved(area.mac_um2, scale * arithmetic_cost(element_).mac_um2);
    const double sram_um2 = resolved(area.sram_um2, scale * kSramUm2PerByte);
    register_bytes_ = resolved(energy_.registers.bytes, figures_.register_bytes * entry_bytes_);
    const double per_mac =
        resolved(energy_.registers.bytes, figures_.register_bytes_per_mac * entry_bytes_);
    const double register_um2 = resolved(
        area.register_um2,
        scale * (register_bytes_ > kMostFlipFlopBytes ? kSramUm2PerByte : kRegisterUm2PerByte));
    double entries = figures_.sram_entries;
    for (const OnChipBufferInfo& buffer : on_chip_buffers(hardware_))
      entries += count_of(buffer.bytes);
    const double all = kMm2PerUm2 * (1.0 + area.overhead);
    table_.mac_area_mm2 = all * figures_.num_macs * (mac_um2 + per_mac * register_um2);
    table_.sram_area_mm2 = all * entries * entry_bytes_ * sram_um2;
    table_.vector_area_mm2 = all * figures_.vector_lanes * resolved(area.vector_um2, mac_um2);
    table_.area_mm2 = table_.mac_area_mm2 + table_.sram_area_mm2 + table_.vector_area_mm2;
    mac_mm_ = std::sqrt(table_.mac_area_mm2 / figures_.num_macs);
  }

  void add_core() {
    const double mac_pj = scale_ * arithmetic_cost(element_).mac_pj;
    table_.mac_pj = resolved(energy_.mac_pj, mac_pj);
    const double register_pj = scale_ * sram_access_pj(register_bytes_, entry_bytes_);
    table_.register_pj = resolved(energy_.registers.access_pj, register_pj);
    table_.registers_per_mac =
        resolved(energy_.registers.accesses_per_mac, figures_.registers_per_mac);
    table_.input = memory_of(energy_.input_buffer, sram_pj(figures_.input_bank));
    table_.weight = memory_of(energy_.weight_buffer, sram_pj(figures_.weight_bank));
    table_.output = memory_of(energy_.output_buffer, sram_pj(figures_.output_bank));
    table_.chip = memory_of(energy_.chip_memory, sram_pj(figures_.chip_bank));
    const double nominal = nominal_voltage(energy_.node_nm);
    const double relative = resolved(energy_.voltage, nominal) / nominal;
    table_.wire_pj =
        resolved(energy_.interconnect.wire_pj,
                 8.0 * entry_bytes_ * relative * relative * wire_pj_per_bit_mm(energy_.node_nm));
    table_.hop_mm = resolved(energy_.interconnect.hop_mm,
                             0.5 * std::sqrt(table_.area_mm2 / figures_.num_cores));
    table_.input_hops = figures_.input_hops;
    table_.weight_hops = figures_.weight_hops;
    table_.mac_mm = figures_.passes_per_mac * mac_mm_;
    // Two operands are read and the result is written.
    table_.vector_pj =
        resolved(energy_.vector_pj, mac_pj + 3.0 * core_element_bytes_ * register_pj);
  }

  void add_dram() {
    const EnergyConfig::Dram& given = energy_.dram;
    const DramStandard standard =
        given.standard == DramStandard::kAuto ? standard_of(hardware_.dram) : given.standard;
    const DramEnergy e = dram_energy(standard);
    const double channels =
        std::visit([](const auto& dram) { return num_channels_of(dram); }, hardware_.dram);
    table_.activate_pj = resolved(given.activate_pj, e.activate_pj);
    if (!counts_rows(hardware_.dram) && e.row_bytes > 0.0)
      table_.activates_per_entry = entry_bytes_ / e.row_bytes;
    table_.dram_read_pj = resolved(given.read_pj, entry_bytes_ * e.read_pj_per_byte);
    table_.dram_write_pj = resolved(given.write_pj, entry_bytes_ * e.write_pj_per_byte);
    table_.dram_background_pj =
        channels * resolved(given.background_mw, e.background_mw) * pj_per_mw_cycle();
    table_.dram_refresh_pj =
        channels * resolved(given.refresh_mw, e.refresh_mw()) * pj_per_mw_cycle();
  }

  /// Of the core in a cycle in which all MAC units work, without clock and leakage.
  double core_pj(const EnergyTable& t) const {
    const CoreFigures& f = figures_;
    const double hops =
        f.input_reads * t.input_hops + f.weight_reads * t.weight_hops + f.output_accesses;
    return f.num_macs * (t.mac_pj + t.registers_per_mac * t.register_pj + t.mac_mm * t.wire_pj) +
           f.input_reads * t.input.read_pj + f.weight_reads * t.weight.read_pj +
           f.output_accesses * 0.5 * (t.output.read_pj + t.output.write_pj) +
           hops * t.hop_mm * t.wire_pj;
  }

  /// The most that the other end of a transfer takes: an entry that is written to a buffer or read
  /// from one, and its way.
  double buffer_end_pj() const {
    return std::max({table_.input.write_pj, table_.weight.write_pj, table_.output.read_pj}) +
           table_.hop_mm * table_.wire_pj;
  }

  double chip_pj() const {
    return figures_.chip_entries *
           (std::max(table_.chip.read_pj, table_.chip.write_pj) + buffer_end_pj());
  }

  double dram_pj() const {
    const double standby = table_.dram_background_pj + table_.dram_refresh_pj;
    const double entries = peak_bytes_per_cycle(hardware_.dram);
    if (std::isinf(entries)) return entries;
    double activates = entries * table_.activates_per_entry;
    if (counts_rows(hardware_.dram))
      activates = entries * count_of(std::get<BankedDramConfig>(hardware_.dram).num_channels) /
                  count_of(row_bytes(hardware_.dram));
    return standby +
           entries * (std::max(table_.dram_read_pj, table_.dram_write_pj) + buffer_end_pj()) +
           activates * table_.activate_pj;
  }

  const HardwareConfig& hardware_;
  const EnergyConfig& energy_;
  const CoreFigures figures_;
  const double scale_;  // of energies, from 45 nm
  const ElementType element_;
  const double core_element_bytes_;
  const double entry_bytes_;  // of what the machine file counts as a byte
  double register_bytes_ = 0.0;
  double mac_mm_ = 0.0;  // side of a MAC unit
  EnergyTable table_;
};

}  // namespace

EnergyTable energy_table(const HardwareConfig& hardware) {
  return TableBuilder(hardware, hardware.energy).build();
}

}  // namespace tilewake
