// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/simulation.hpp"

#include "simulator/common/version.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "simulator/trace/tee_sink.hpp"
#include "simulator/trace/trace_recorder.hpp"

namespace tilewake {

SimulatedLayers simulate_layers(Simulator& simulator, const HardwareConfig& hardware,
                                const Network& network, const Program& program, EventSink* also) {
  std::vector<TraceLayer> layers;
  for (const ProgramLayer& layer : program.layers) {
    layers.push_back({layer.network_layer, layer.fused_into});
  }
  TraceRecorder recorder(network, layers, hardware.peak_macs_per_cycle(), machine_id(hardware));
  std::vector<EventSink*> sinks = {&recorder};
  if (also != nullptr) sinks.push_back(also);
  TeeSink sink(sinks);
  SimulatedLayers run;
  run.result = simulator.run(program, sink);
  run.rows = recorder.finish(run.result.total_cycles);
  return run;
}

Summary summary_of(const Machine& machine, const Model& model, const Program& program,
                   const std::vector<TraceRow>& rows) {
  const HardwareConfig& hardware = machine.config;
  RunInfo info;
  info.network = model.network.name;
  info.hardware = hardware.name;
  info.machine = machine_id(hardware);
  info.schedule = program.schedule;
  info.warnings = program.warnings;
  info.network_hash = fnv1a64(model.file.text);
  info.hardware_hash = fnv1a64(machine.file.text);
  info.num_params = model.network.num_params();
  info.clock_mhz = hardware.clock_mhz;
  info.peak_macs_per_cycle = hardware.peak_macs_per_cycle();
  return summarize(info, rows);
}

}  // namespace tilewake
