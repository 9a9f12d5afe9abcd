// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "simulator/common/yaml_override.hpp"
#include "simulator/hardware/device_config.hpp"
#include "simulator/hardware/dram_config.hpp"
#include "simulator/hardware/energy_config.hpp"
#include "simulator/hardware/midap_config.hpp"
#include "simulator/hardware/systolic_config.hpp"
#include "simulator/hardware/vector_config.hpp"

namespace tilewake {

class YamlFields;
class YamlReader;

/// One alternative per core kind. Mapper and engine use std::visit, so a kind without a mapper or a
/// module does not compile.
using CoreConfig = std::variant<MidapConfig, SystolicConfig, VectorConfig>;

/// Values of `core.kind`, one per alternative.
inline constexpr std::array<std::string_view, 3> kCoreKinds = {"midap", "systolic", "vector"};

/// Size of a machine, independent of its core kind: the basis of test and calibration networks.
struct MachineScale {
  std::int64_t output_lanes = 0;     // output channels computed at a time by the PE array
  std::int64_t reduction_lanes = 0;  // MACs per cycle and output channel
  std::int64_t feature_entries = 0;  // of feature maps that fit on chip
  std::int64_t filter_entries = 0;   // weights of one output channel that fit on chip
  bool runs_all_ops = false;         // false: only those of classification networks
};

/// Cycles of command dispatch: descriptors of the DMA, set-up of the core, the host.
struct DispatchConfig {
  std::int64_t inference_cycles = 0;  // before anything else
  std::int64_t layer_cycles = 0;      // before the first step of each layer; loads go on meanwhile
};

/// A machine as resolved from its YAML file: all values are checked.
struct HardwareConfig {
  std::string name;
  double clock_mhz = 0.0;
  CoreConfig core;
  DramConfig dram;
  DispatchConfig dispatch;
  EnergyConfig energy;
  DeviceConfig device;

  /// Of features, weights and products.
  ElementType element() const;
  /// Type of products: that of core.element, or of energy.element where the file counts values.
  ElementType arithmetic() const;
  std::int64_t peak_macs_per_cycle() const;
  MachineScale scale() const;
  double cycles_to_ms(std::int64_t cycles) const {
    return static_cast<double>(cycles) / (clock_mhz * 1e3);
  }
};

/// Reads a machine (keys: hw_configs/README.md). Throws InputError naming file, line and key.
HardwareConfig read_hardware(const std::string& path);

/// Same, from text in memory; `name` replaces the path in error messages. `overrides` are read and
/// checked like keys of the text. Where they replace `dram.model`, the keys of the text that only
/// the former model has are ignored; keys that an override sets are not. The section `device` is
/// about the values of the text: with other latencies it is left out.
HardwareConfig read_hardware_text(const std::string& text, const std::string& name,
                                  const std::vector<YamlOverride>& overrides = {});

/// Same, from a mapping in a larger file.
HardwareConfig read_hardware(YamlReader yaml);

/// Every key of a machine file, in the order of writing.
void visit_fields(YamlFields& fields, HardwareConfig& c);

}  // namespace tilewake
