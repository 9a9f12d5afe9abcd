// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <systemc>

#include "simulator/engine/simulator.hpp"
#include "simulator/hardware/hardware_config.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "simulator/mapping/mapper.hpp"
#include "simulator/trace/trace_recorder.hpp"

namespace tilewake {

/// What a network did on a machine.
struct NetworkRun {
  std::vector<TraceRow> rows;  // execution order
  RunResult result;
  std::string schedule;
};

/// A machine with a SystemC kernel of its own, so that a test can have several, one after another
/// or side by side. The kernels are leaked: their destructors are not safe to run.
class Machine {
 public:
  explicit Machine(HardwareConfig hardware)
      : hardware_(std::move(hardware)), kernel_(new sc_core::sc_simcontext) {
    use_kernel();
    simulator_ = std::make_unique<Simulator>(hardware_);
  }

  NetworkRun run(const Network& network) { return run(network, map_network(network, hardware_)); }

  NetworkRun run(const Network& network, const Program& program) {
    std::vector<TraceLayer> layers;
    for (const ProgramLayer& layer : program.layers)
      layers.push_back({layer.network_layer, layer.fused_into});
    TraceRecorder recorder(network, layers, hardware_.peak_macs_per_cycle(), machine_id(hardware_));
    const RunResult result = run_only(program, recorder);
    return {recorder.finish(result.total_cycles), result, program.schedule};
  }

  /// The engine without a trace.
  RunResult run_only(const Program& program, EventSink& sink) {
    use_kernel();
    return simulator_->run(program, sink);
  }

  const HardwareConfig& hardware() const { return hardware_; }

 private:
  void use_kernel() const {
    sc_core::sc_curr_simcontext = kernel_;
    sc_core::sc_default_global_context = kernel_;
  }

  HardwareConfig hardware_;
  sc_core::sc_simcontext* kernel_;
  std::unique_ptr<Simulator> simulator_;
};

}  // namespace tilewake
