// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "simulator/hardware/hardware_config.hpp"
#include "simulator/mapping/program.hpp"
#include "simulator/mapping/step_budget.hpp"
#include "simulator/mapping/tiled/tiled_mapper.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// Maps networks to the steps of one machine. It remembers the tilings of layers that it has seen,
/// which changes no result. May be used by several threads.
class NetworkMapper {
 public:
  explicit NetworkMapper(const HardwareConfig& hardware);

  /// Throws InputError naming layer and buffer if something does not fit or is not supported, or if
  /// the simulation would take more than `options.max_steps`.
  Program map(const Network& network, const MappingOptions& options = {}) const;

 private:
  std::function<Program(const Network& network, const MappingOptions& options)> map_;
  DispatchConfig dispatch_;
};

/// Maps one network. A pure function; it throws as NetworkMapper::map does.
Program map_network(const Network& network, const HardwareConfig& hardware,
                    const MappingOptions& options = {});

/// A core that works in tiles, with its memory, as the mapper of tiles sees it.
TiledMachine tiled_machine(const SystolicConfig& core, const DramConfig& dram,
                           const DispatchConfig& dispatch = {});
TiledMachine tiled_machine(const VectorConfig& core, const DramConfig& dram,
                           const DispatchConfig& dispatch = {});

}  // namespace tilewake
