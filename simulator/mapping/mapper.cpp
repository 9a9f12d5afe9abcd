// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/mapper.hpp"

#include <memory>
#include <utility>
#include <variant>

#include "simulator/mapping/midap/midap_mapper.hpp"
#include "simulator/mapping/systolic/systolic_cost.hpp"
#include "simulator/mapping/vector/vector_cost.hpp"

namespace tilewake {
namespace {

using Map = std::function<Program(const Network& network, const MappingOptions& options)>;

// To add a core kind: add one overload here; std::visit selects it by the type of the
// configuration.
Map mapper_of(const MidapConfig& core, const DramConfig& dram, const DispatchConfig& /*dispatch*/) {
  return [core, dram](const Network& network, const MappingOptions& options) {
    return midap::map_midap(network, core, dram, options);
  };
}

Map mapper_of(TiledMachine machine) {
  return [machine = std::move(machine)](const Network& network, const MappingOptions& options) {
    return map_tiled(network, machine, options);
  };
}

Map mapper_of(const SystolicConfig& core, const DramConfig& dram, const DispatchConfig& dispatch) {
  return mapper_of(tiled_machine(core, dram, dispatch));
}

Map mapper_of(const VectorConfig& core, const DramConfig& dram, const DispatchConfig& dispatch) {
  return mapper_of(tiled_machine(core, dram, dispatch));
}

}  // namespace

TiledMachine tiled_machine(const SystolicConfig& core, const DramConfig& dram,
                           const DispatchConfig& dispatch) {
  return {core.tile_memory(),         std::make_shared<systolic::SystolicCost>(core),
          core.fuse_elementwise,      DramEstimate(dram),
          core.activation_operations, dispatch};
}

TiledMachine tiled_machine(const VectorConfig& core, const DramConfig& dram,
                           const DispatchConfig& dispatch) {
  return {core.tile_memory(),         std::make_shared<vector::VectorCost>(core),
          core.fuse_elementwise,      DramEstimate(dram),
          core.activation_operations, dispatch};
}

NetworkMapper::NetworkMapper(const HardwareConfig& hardware)
    : map_(std::visit(
          [&](const auto& core) { return mapper_of(core, hardware.dram, hardware.dispatch); },
          hardware.core)),
      dispatch_(hardware.dispatch) {}

Program NetworkMapper::map(const Network& network, const MappingOptions& options) const {
  Program program = map_(network, options);
  program.dispatch = dispatch_;
  if (program.first_repetition) {
    Program first = *program.first_repetition;
    first.dispatch = dispatch_;
    program.first_repetition = std::make_shared<const Program>(std::move(first));
  }
  return program;
}

Program map_network(const Network& network, const HardwareConfig& hardware,
                    const MappingOptions& options) {
  return NetworkMapper(hardware).map(network, options);
}

}  // namespace tilewake
