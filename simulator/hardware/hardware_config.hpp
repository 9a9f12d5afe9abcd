// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "simulator/hardware/dram_config.hpp"
#include "simulator/hardware/midap_config.hpp"

namespace tilewake {

/// One alternative a core kind. Mapper and engine choose by std::visit, so that a kind without a
/// mapper or a module does not compile.
using CoreConfig = std::variant<MidapConfig>;

/// A machine, as resolved from its YAML file: every value checked, every default filled in.
struct HardwareConfig {
  std::string name;
  double clock_mhz = 0.0;
  std::string core_kind;
  CoreConfig core;
  DramConfig dram;

  std::int64_t peak_macs_per_cycle() const;
  double cycles_to_ms(std::int64_t cycles) const {
    return static_cast<double>(cycles) / (clock_mhz * 1e3);
  }
};

/// Reads a machine (keys: hw_configs/README.md). Throws InputError naming file, line and key.
HardwareConfig read_hardware(const std::string& path);

/// Same, from text already in memory; `name` stands in for the file in errors.
HardwareConfig read_hardware_text(const std::string& text, const std::string& name);

/// The `core.kind` values that can be read.
std::vector<std::string> core_kinds();

}  // namespace tilewake
