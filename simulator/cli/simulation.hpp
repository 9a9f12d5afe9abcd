// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "simulator/cli/inputs.hpp"
#include "simulator/engine/simulator.hpp"
#include "simulator/hardware/hardware_config.hpp"
#include "simulator/mapping/program.hpp"
#include "simulator/network/network.hpp"
#include "simulator/trace/summary.hpp"
#include "simulator/trace/trace_row.hpp"

namespace tilewake {

/// A network that went through the machine.
struct SimulatedLayers {
  std::vector<TraceRow> rows;  // in execution order
  RunResult result;
};

/// Runs `program`, made of `network` for `hardware`, on `simulator`, which is of the same machine
/// and takes one network after another; nothing of a run is left in the next.
///   @param also  other sinks that see every event
SimulatedLayers simulate_layers(Simulator& simulator, const HardwareConfig& hardware,
                                const Network& network, const Program& program,
                                const std::vector<EventSink*>& also = {});

/// What a summary says of machine and network; schedule, warnings and parameters are the caller's.
RunInfo info_of(const Machine& machine, const InputFile& network_file,
                const std::string& network_name);

/// What summary.json says of such a run.
Summary summary_of(const Machine& machine, const Model& model, const Program& program,
                   const std::vector<TraceRow>& rows);

}  // namespace tilewake
