// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/vector/vector_mapper.hpp"

#include <memory>

#include "simulator/mapping/vector/vector_cost.hpp"

namespace tilewake::vector {

TiledMachine tiled_machine(const VectorConfig& core, const DramConfig& dram) {
  return {core.tile_memory(), std::make_shared<VectorCost>(core), core.fuse_elementwise,
          DramEstimate(dram)};
}

}  // namespace tilewake::vector
