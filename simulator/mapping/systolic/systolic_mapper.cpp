// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/systolic/systolic_mapper.hpp"

#include <memory>

#include "simulator/mapping/systolic/systolic_cost.hpp"

namespace tilewake::systolic {

TiledMachine tiled_machine(const SystolicConfig& core, const DramConfig& dram) {
  return {core.tile_memory(), std::make_shared<SystolicCost>(core), core.fuse_elementwise,
          DramEstimate(dram)};
}

}  // namespace tilewake::systolic
