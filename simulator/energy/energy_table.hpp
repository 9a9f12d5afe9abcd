// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simulator/hardware/hardware_config.hpp"

namespace tilewake {

/// The energy of each action of a machine, its area and its peak power: the values of its file, the
/// others computed from published figures (technology.hpp, dram_energy.hpp). README.md has every
/// formula. An entry is an element, which other modules count as a byte.
struct EnergyTable {
  struct Memory {
    double read_pj = 0.0;  // an entry
    double write_pj = 0.0;
  };

  double mac_pj = 0.0;
  double register_pj = 0.0;        // an entry read or written
  double registers_per_mac = 0.0;  // such entries
  Memory input;                    // of the array: what it reads features from
  Memory weight;
  Memory output;
  Memory chip;              // of feature maps and resident weights
  double wire_pj = 0.0;     // an entry over 1 mm
  double hop_mm = 0.0;      // between a memory and the array
  double input_hops = 1.0;  // of an entry read from the input memory
  double weight_hops = 1.0;
  double mac_mm = 0.0;      // entries x mm that a product moves between neighbours
  double vector_pj = 0.0;   // an operation
  double clock_pj = 0.0;    // a cycle that computes
  double idle_pj = 0.0;     // the clock in any other cycle
  double leakage_pj = 0.0;  // a cycle

  double activate_pj = 0.0;          // a row of DRAM
  double activates_per_entry = 0.0;  // of DRAM models that do not count rows
  double dram_read_pj = 0.0;         // an entry
  double dram_write_pj = 0.0;
  double dram_background_pj = 0.0;  // a cycle: standby
  double dram_refresh_pj = 0.0;     // a cycle

  double mac_area_mm2 = 0.0;  // with registers
  double sram_area_mm2 = 0.0;
  double vector_area_mm2 = 0.0;
  double area_mm2 = 0.0;  // of all with the overhead; DRAM is another chip

  /// All MAC units and lanes work, their operands stream from the buffers, the memory of feature
  /// maps is accessed through its port, and DRAM reads or writes, whichever takes more, at its peak
  /// bandwidth, from or to a buffer. 0: unlimited, as that bandwidth is.
  double peak_power_mw = 0.0;

  /// Whether any action takes energy.
  bool has_energies() const {
    return mac_pj + register_pj + input.read_pj + input.write_pj + weight.read_pj +
               weight.write_pj + output.read_pj + output.write_pj + chip.read_pj + chip.write_pj +
               wire_pj + vector_pj + clock_pj + idle_pj + leakage_pj + activate_pj + dram_read_pj +
               dram_write_pj + dram_background_pj + dram_refresh_pj >
           0.0;
  }
};

EnergyTable energy_table(const HardwareConfig& hardware);

}  // namespace tilewake
