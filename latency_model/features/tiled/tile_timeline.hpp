// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "simulator/hardware/hardware_config.hpp"
#include "simulator/mapping/tiled/dram_estimate.hpp"
#include "simulator/mapping/tiled/tiled_program.hpp"

namespace tilewake::tiled {

/// Cycles of one layer by cause, for a memory of latency and bandwidth.
struct LayerCycles {
  double compute = 0.0;
  double weight_wait = 0.0;
  double feature_wait = 0.0;
  double write_wait = 0.0;
  double dispatch = 0.0;
};

/// Evaluates `program` as a recursion over its steps: loads start when slots become free, and one
/// bus serves all requests in order, another one those of the memory of feature maps. There are no
/// events and no bursts; a step costs some tens of nanoseconds. DRAM effects beyond latency and
/// bandwidth are left to the coefficients. Returns one entry per TiledProgram layer.
std::vector<LayerCycles> tile_timeline(const TiledProgram& program, const DramEstimate& dram,
                                       const DispatchConfig& dispatch = {});

}  // namespace tilewake::tiled
