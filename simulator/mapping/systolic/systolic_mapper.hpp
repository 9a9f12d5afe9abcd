// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simulator/hardware/dram_config.hpp"
#include "simulator/hardware/systolic_config.hpp"
#include "simulator/mapping/tiled/tiled_mapper.hpp"

namespace tilewake::systolic {

/// The core with its memory, as the mapper of tiles sees it.
TiledMachine tiled_machine(const SystolicConfig& core, const DramConfig& dram);

}  // namespace tilewake::systolic
