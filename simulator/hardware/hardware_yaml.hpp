// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "simulator/hardware/hardware_config.hpp"

namespace tilewake {

/// Every value of a machine as YAML, each line behind `indent`; reading it gives an equal machine.
std::string hardware_yaml(const HardwareConfig& hardware, const std::string& indent = "");

/// Tells machines apart in traces, models and caches: the name and a hash of every value
/// ("midap@0123456789abcdef"). Comments and the order of keys in the file do not count.
std::string machine_id(const HardwareConfig& hardware);

/// All on-chip memory, both slots of what is double buffered.
std::int64_t on_chip_bytes(const HardwareConfig& hardware);

}  // namespace tilewake
