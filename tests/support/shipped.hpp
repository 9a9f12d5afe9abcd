// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "simulator/hardware/hardware_config.hpp"
#include "simulator/network/network_yaml.hpp"
#include "tests/support/source_files.hpp"

namespace tilewake {

/// Shipped files, by their names in hw_configs/ or networks/.
inline HardwareConfig shipped_machine(const std::string& name) {
  return read_hardware(source_path("hw_configs/" + name + ".yaml").string());
}

/// All of hw_configs/, by name.
inline std::vector<std::string> shipped_machine_names() {
  std::vector<std::string> names;
  for (const auto& file : yaml_files_in("hw_configs"))
    names.push_back(std::filesystem::path(file).stem().string());
  return names;
}

inline Network shipped_network(const std::string& name) {
  return read_network(source_path("networks/" + name + ".yaml").string());
}

/// All of networks/, by name.
inline const std::vector<Network>& all_shipped_networks() {
  static const std::vector<Network> networks = [] {
    std::vector<Network> all;
    for (const auto& file : yaml_files_in("networks")) all.push_back(read_network(file));
    return all;
  }();
  return networks;
}

/// The classifiers of convolutions among them, which run on every machine.
inline const std::vector<Network>& shipped_networks() {
  static const std::vector<Network> networks = [] {
    std::vector<Network> convolutional;
    for (const Network& network : all_shipped_networks()) {
      const bool is_everywhere =
          std::all_of(network.layers.begin(), network.layers.end(), [](const Layer& layer) {
            return layer.op <= Op::kChannelShuffle && layer.stride.are_equal();
          });
      if (is_everywhere) convolutional.push_back(network);
    }
    return convolutional;
  }();
  return networks;
}

}  // namespace tilewake
