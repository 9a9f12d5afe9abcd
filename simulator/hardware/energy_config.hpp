// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

#include "simulator/hardware/element_type.hpp"

namespace tilewake {

class YamlFields;

/// The kind of memory chips whose energies are used.
enum class DramStandard { kAuto, kLpddr4, kLpddr5, kDdr4, kDdr5, kHbm2, kNone };

/// Energies, areas and power of the components of a machine, as in its file. A value of kAuto is
/// computed from published figures (simulator/energy/energy_table.hpp). An entry is what the other
/// sections of the file count as a byte.
struct EnergyConfig {
  static constexpr double kAuto = -1.0;

  double node_nm = 28.0;
  double voltage = kAuto;                    // the node's nominal one
  ElementType element = ElementType::kInt8;  // int8: that of the core

  double mac_pj = kAuto;
  double vector_pj = kAuto;   // an operation of the vector unit
  double clock_pj = kAuto;    // a cycle in which the core computes
  double clock_gating = 0.5;  // share of clock_pj that a waiting core saves
  double leakage_pj = kAuto;  // a cycle

  struct Registers {
    double bytes = kAuto;      // that an access selects from
    double access_pj = kAuto;  // an entry read or written
    double accesses_per_mac = kAuto;
    friend bool operator==(const Registers&, const Registers&) = default;
  };
  Registers registers;

  /// Of an entry.
  struct Memory {
    double read_pj = kAuto;
    double write_pj = kAuto;
    friend bool operator==(const Memory&, const Memory&) = default;
  };
  Memory input_buffer;
  Memory weight_buffer;
  Memory output_buffer;
  Memory chip_memory;  // of feature maps and weights

  struct Interconnect {
    double wire_pj = kAuto;  // an entry over 1 mm
    double hop_mm = kAuto;   // between a memory and the array
    friend bool operator==(const Interconnect&, const Interconnect&) = default;
  };
  Interconnect interconnect;

  struct Dram {
    DramStandard standard = DramStandard::kAuto;  // that of the machine's DRAM
    double activate_pj = kAuto;                   // a row
    double read_pj = kAuto;                       // an entry
    double write_pj = kAuto;
    double refresh_mw = kAuto;     // of each channel and rank
    double background_mw = kAuto;  // likewise
    friend bool operator==(const Dram&, const Dram&) = default;
  };
  Dram dram;

  struct Area {
    double mac_um2 = kAuto;
    double vector_um2 = kAuto;    // a lane of the vector unit
    double register_um2 = kAuto;  // a byte
    double sram_um2 = kAuto;      // a byte
    double overhead = 0.3;        // control, wires and gaps, of the sum of all other areas
    friend bool operator==(const Area&, const Area&) = default;
  };
  Area area;

  friend bool operator==(const EnergyConfig&, const EnergyConfig&) = default;
};

/// The section `energy`; all fields have defaults.
void visit_fields(YamlFields& fields, EnergyConfig& c);

}  // namespace tilewake
