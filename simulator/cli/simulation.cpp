// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/simulation.hpp"

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

}  // namespace tilewake
