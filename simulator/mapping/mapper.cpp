// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/mapper.hpp"

#include <variant>

#include "simulator/mapping/midap/midap_mapper.hpp"
#include "simulator/mapping/systolic/systolic_mapper.hpp"
#include "simulator/mapping/vector/vector_mapper.hpp"

namespace tilewake {
namespace {

// To add a core kind: one overload here; std::visit chooses by the type of the configuration.
Program map_core(const Network& network, const MidapConfig& core, const DramConfig& dram) {
  return midap::map_midap(network, core, planning_dram(dram));
}

Program map_core(const Network& network, const SystolicConfig& core, const DramConfig& dram) {
  return map_tiled(network, systolic::tiled_machine(core, dram));
}

Program map_core(const Network& network, const VectorConfig& core, const DramConfig& dram) {
  return map_tiled(network, vector::tiled_machine(core, dram));
}

}  // namespace

Program map_network(const Network& network, const HardwareConfig& hardware) {
  return std::visit([&](const auto& core) { return map_core(network, core, hardware.dram); },
                    hardware.core);
}

}  // namespace tilewake
