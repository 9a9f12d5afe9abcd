// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "simulator/hardware/hardware_config.hpp"
#include "simulator/network/network.hpp"
#include "simulator/trace/trace_row.hpp"

namespace tilewake {

struct Program;

/// Bytes (entries) that a network needs at most at a time.
struct MemoryFootprint {
  std::int64_t peak_chip_bytes = 0;       // in buffers and in the memory of feature maps
  std::int64_t dram_footprint_bytes = 0;  // weights, and the feature maps that are needed later
};

/// A feature map is needed from the layer that computes it to the last one that reads it, the
/// network's output to the end. Maps that share one place (views, inputs of a concat, a layer and
/// what is fused into it) count once. Buffers count the slots of the layer's tiles, MIDAP's FMEM
/// the maps in it, up to its size. Left out: spilled partial sums, alignment, fragmentation.
///   @param rows  of `program`, after its simulation
MemoryFootprint memory_footprint(const Network& network, const Program& program,
                                 const HardwareConfig& hardware, const std::vector<TraceRow>& rows);

}  // namespace tilewake
