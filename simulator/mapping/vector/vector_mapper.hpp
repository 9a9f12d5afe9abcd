// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simulator/hardware/dram_config.hpp"
#include "simulator/hardware/vector_config.hpp"
#include "simulator/mapping/tiled/tiled_mapper.hpp"

namespace tilewake::vector {

/// The core with its memory, as the mapper of tiles sees it.
TiledMachine tiled_machine(const VectorConfig& core, const DramConfig& dram);

}  // namespace tilewake::vector
