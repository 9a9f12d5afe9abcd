// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "simulator/hardware/hardware_config.hpp"
#include "simulator/mapping/program.hpp"
#include "simulator/trace/trace_row.hpp"

namespace tilewake {

/// What a layer does on chip, in closed form from its tiles. Entries are bytes of the machine
/// file: an element counts its bytes (`core.element`), a partial sum `accumulator_bytes`. Fills of
/// buffers from DRAM and from the memory of feature maps, and results that leave the output buffer,
/// are in the trace already and do not count here.
struct AccessCounts {
  double array_macs = 0.0;         // products computed by the MAC units
  double vector_operations = 0.0;  // of the vector unit
  double input_reads = 0.0;        // entries read from the input buffer
  double weight_reads = 0.0;
  double output_reads = 0.0;
  double output_writes = 0.0;
};

/// Results of a SIMD loop that share an operand loaded from the local memory, in registers: rows of
/// the micro-kernels of XNNPACK for NEON (4 x 16).
inline constexpr double kOperandReuse = 4.0;

/// Of a layer on a systolic array: sums over the tiles, each of them divided among the cores.
AccessCounts access_counts(const TiledLayer& layer, const StepCost& cost,
                           const SystolicConfig& core);

/// Of a layer on a vector processor.
AccessCounts access_counts(const TiledLayer& layer, const VectorConfig& core);

/// Sets the columns of accesses of a run's rows. `rows` are those of `program`, with their cycles.
void add_accesses(const Program& program, const HardwareConfig& hardware,
                  std::vector<TraceRow>& rows);

}  // namespace tilewake
