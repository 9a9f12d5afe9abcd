// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "simulator/common/yaml_schema.hpp"
#include "simulator/hardware/hardware_config.hpp"

namespace tilewake {

/// The keys of machine files.
YamlSchema machine_schema();

/// Every value of a machine as YAML, with unit, valid values and meaning of each key as comments: a
/// file to begin with.
std::string machine_template(const HardwareConfig& hardware);

}  // namespace tilewake
