// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/mapper.hpp"

#include <memory>
#include <variant>

#include "simulator/mapping/midap/midap_mapper.hpp"
#include "simulator/mapping/systolic/systolic_cost.hpp"
#include "simulator/mapping/vector/vector_cost.hpp"

namespace tilewake {
namespace {

// To add a core kind: add one overload here; std::visit selects it by the type of the
// configuration.
Program map_core(const Network& network, const MidapConfig& core, const DramConfig& dram,
                 const MappingOptions& options) {
  return midap::map_midap(network, core, dram, options);
}

Program map_core(const Network& network, const SystolicConfig& core, const DramConfig& dram,
                 const MappingOptions& options) {
  return map_tiled(network, tiled_machine(core, dram), options);
}

Program map_core(const Network& network, const VectorConfig& core, const DramConfig& dram,
                 const MappingOptions& options) {
  return map_tiled(network, tiled_machine(core, dram), options);
}

}  // namespace

TiledMachine tiled_machine(const SystolicConfig& core, const DramConfig& dram) {
  return {core.tile_memory(), std::make_shared<systolic::SystolicCost>(core), core.fuse_elementwise,
          DramEstimate(dram)};
}

TiledMachine tiled_machine(const VectorConfig& core, const DramConfig& dram) {
  return {core.tile_memory(), std::make_shared<vector::VectorCost>(core), core.fuse_elementwise,
          DramEstimate(dram)};
}

Program map_network(const Network& network, const HardwareConfig& hardware,
                    const MappingOptions& options) {
  return std::visit(
      [&](const auto& core) { return map_core(network, core, hardware.dram, options); },
      hardware.core);
}

}  // namespace tilewake
