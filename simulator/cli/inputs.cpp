// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/inputs.hpp"

#include <utility>

#include <fmt/format.h>

#include "simulator/cli/settings.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/mapping/mapper.hpp"
#include "simulator/network/network_yaml.hpp"

namespace tilewake {

Machine read_machine(const std::string& name, const std::vector<YamlOverride>& settings) {
  InputFile file = read_hardware_file(name);
  try {
    HardwareConfig config = read_hardware_text(file.text, file.path, settings);
    return {std::move(file), std::move(config)};
  } catch (const InputError& e) {
    if (settings.empty()) throw;
    throw InputError(
        fmt::format("{} (with --set {})", e.what(), printable(settings_text(settings))));
  }
}

Model read_model(const std::string& name) {
  InputFile file = read_network_file(name);
  Network network = read_network_text(file.text, file.path);
  return {std::move(file), std::move(network)};
}

Program map_model(const Model& model, const Machine& machine) {
  try {
    return map_network(model.network, machine.config);
  } catch (const InputError& e) {
    throw InputError(fmt::format("{}: on {}: {}", model.file.path, machine.config.name, e.what()));
  }
}

}  // namespace tilewake
