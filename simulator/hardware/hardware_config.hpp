// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "simulator/common/yaml_override.hpp"
#include "simulator/hardware/dram_config.hpp"
#include "simulator/hardware/midap_config.hpp"
#include "simulator/hardware/systolic_config.hpp"
#include "simulator/hardware/vector_config.hpp"

namespace tilewake {

class YamlFields;
class YamlReader;

/// One alternative a core kind. Mapper and engine choose by std::visit, so that a kind without a
/// mapper or a module does not compile.
using CoreConfig = std::variant<MidapConfig, SystolicConfig, VectorConfig>;

/// Values of `core.kind`, one an alternative.
inline constexpr std::array<std::string_view, 3> kCoreKinds = {"midap", "systolic", "vector"};

/// How large a machine is, whatever its core kind: what test and calibration networks are made to.
struct MachineScale {
  std::int64_t output_lanes = 0;          // output channels that the PE array computes at a time
  std::int64_t reduction_lanes = 0;       // MACs that it adds to one of them in a cycle
  std::int64_t feature_buffer_bytes = 0;  // on-chip memory for feature maps
  std::int64_t filter_bytes = 0;          // weights of one output channel that fit on chip
};

/// A machine, as resolved from its YAML file: every value checked, every default filled in.
struct HardwareConfig {
  std::string name;
  double clock_mhz = 0.0;
  CoreConfig core;
  DramConfig dram;

  std::int64_t peak_macs_per_cycle() const;
  MachineScale scale() const;
  double cycles_to_ms(std::int64_t cycles) const {
    return static_cast<double>(cycles) / (clock_mhz * 1e3);
  }
};

/// Reads a machine (keys: hw_configs/README.md). Throws InputError naming file, line and key.
HardwareConfig read_hardware(const std::string& path);

/// Same, from text already in memory; `name` stands in for the file in errors. `overrides` are read
/// and checked as if the text held them.
HardwareConfig read_hardware_text(const std::string& text, const std::string& name,
                                  const std::vector<YamlOverride>& overrides = {});

/// Same, from a mapping in a file that holds more than a machine.
HardwareConfig read_hardware(YamlReader yaml);

/// Every key of a machine file, in the order in which it is written.
void visit_fields(YamlFields& fields, HardwareConfig& c);

}  // namespace tilewake
