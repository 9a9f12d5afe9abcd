// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "simulator/hardware/hardware_config.hpp"

namespace tilewake {

/// Every value of a machine as YAML, each line after `indent`; reading it returns an equal machine.
std::string hardware_yaml(const HardwareConfig& hardware, const std::string& indent = "");

/// Every key of a machine as a table in Markdown: key, unit, range, the machine's value, meaning.
std::string key_table(const HardwareConfig& hardware);

/// Identifies a machine in traces, models and caches: its name and a hash of all values
/// ("midap@0123456789abcdef"). Comments, the order of keys and the section `device` are irrelevant.
std::string machine_id(const HardwareConfig& hardware);

/// An on-chip buffer: its name, and its size including both slots of a double buffer.
struct OnChipBufferInfo {
  std::string name;
  std::int64_t bytes = 0;
};

/// The buffers of a machine, in the order of `Event::index` of kBuffer.
std::vector<OnChipBufferInfo> on_chip_buffers(const HardwareConfig& hardware);

/// Total on-chip memory, including both slots of double buffers and the memory of feature
/// maps.
std::int64_t on_chip_bytes(const HardwareConfig& hardware);

}  // namespace tilewake
