// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/simulation.hpp"

#include "simulator/common/version.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "simulator/trace/tee_sink.hpp"
#include "simulator/trace/trace_recorder.hpp"

namespace tilewake {

SimulatedLayers simulate_layers(Simulator& simulator, const HardwareConfig& hardware,
                                const Network& network, const Program& program,
                                const std::vector<EventSink*>& also) {
  std::vector<TraceLayer> layers;
  for (const ProgramLayer& layer : program.layers) {
    layers.push_back({layer.network_layer, layer.fused_into});
  }
  TraceRecorder recorder(network, layers, hardware.peak_macs_per_cycle(), machine_id(hardware));
  std::vector<EventSink*> sinks = {&recorder};
  sinks.insert(sinks.end(), also.begin(), also.end());
  TeeSink sink(sinks);
  SimulatedLayers run;
  run.result = simulator.run(program, sink);
  run.rows = recorder.finish(run.result.total_cycles);
  return run;
}

RunInfo info_of(const Machine& machine, const InputFile& network_file,
                const std::string& network_name) {
  const HardwareConfig& hardware = machine.config;
  RunInfo info;
  info.network = network_name;
  info.hardware = hardware.name;
  info.machine = machine_id(hardware);
  info.network_hash = fnv1a64(network_file.text);
  info.hardware_hash = fnv1a64(machine.file.text);
  info.clock_mhz = hardware.clock_mhz;
  info.peak_macs_per_cycle = hardware.peak_macs_per_cycle();
  return info;
}

Summary summary_of(const Machine& machine, const Model& model, const Program& program,
                   const std::vector<TraceRow>& rows) {
  RunInfo info = info_of(machine, model.file, model.network.name);
  info.schedule = program.schedule;
  info.warnings = program.warnings;
  info.num_params = model.network.num_params();
  return summarize(info, rows);
}

}  // namespace tilewake
