// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "simulator/mapping/tiled/dram_estimate.hpp"
#include "simulator/mapping/tiled/tiled_program.hpp"

namespace tilewake::tiled {

/// Where the cycles of one layer go, as far as a memory of latency and bandwidth tells.
struct LayerCycles {
  double compute = 0.0;
  double weight_wait = 0.0;
  double feature_wait = 0.0;
  double write_wait = 0.0;
};

/// A run of `program` as a recursion over its steps: what is loaded when follows from when slots
/// become free, and one bus serves everything in the order of request. No events and no pieces, so
/// a step costs some tens of nanoseconds; what a DRAM does beyond latency and bandwidth is left to
/// the coefficients. One entry a TiledProgram layer.
std::vector<LayerCycles> tile_timeline(const TiledProgram& program, const DramEstimate& dram);

}  // namespace tilewake::tiled
