// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "simulator/cli/data_files.hpp"
#include "simulator/common/yaml_override.hpp"
#include "simulator/hardware/hardware_config.hpp"
#include "simulator/mapping/program.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// What --hw names, as a file and as read.
struct Machine {
  InputFile file;
  HardwareConfig config;
};

/// What --net names, as a file and as read.
struct Model {
  InputFile file;
  Network network;
};

/// All throw InputError that begins with the file's path; map_model with that of the network. What
/// --set puts into the machine is checked as if the file held it; an error tells what was set.
Machine read_machine(const std::string& name, const std::vector<YamlOverride>& settings = {});
Model read_model(const std::string& name);
Program map_model(const Model& model, const Machine& machine);

}  // namespace tilewake
