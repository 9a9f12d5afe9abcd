// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "simulator/api/inputs.hpp"
#include "simulator/energy/energy_table.hpp"
#include "simulator/energy/memory_footprint.hpp"
#include "simulator/hardware/hardware_config.hpp"
#include "simulator/mapping/step_budget.hpp"
#include "simulator/network/network.hpp"
#include "simulator/trace/summary.hpp"
#include "simulator/trace/trace_row.hpp"

namespace tilewake {

class EventSink;
class NetworkMapper;
class Simulator;
struct Program;

/// How far a simulation is, after a layer.
struct LayerProgress {
  std::size_t network = 0;       // from 0: of the layers of a topology, which one
  std::size_t num_layers = 0;    // of this network, that are simulated
  std::size_t total_layers = 0;  // of this network, without those that another layer computes
};

/// Called after each layer, in the calling thread; false ends the simulation, which then throws
/// Interrupted. It must not simulate itself.
using SimulationCallback = std::function<bool(const LayerProgress& progress)>;

/// One network after its simulation.
struct SimulatedNetwork {
  std::vector<TraceRow> rows;      // one a layer, in execution order
  std::int64_t total_cycles = 0;   // NPU cycles, of the whole network
  std::uint64_t kernel_steps = 0;  // of the SystemC kernel
  MemoryFootprint memory;
  std::string schedule;                                    // "reference", or "plain" and why
  std::vector<std::string> warnings;                       // about the schedule
  std::vector<std::pair<std::string, std::string>> plans;  // layer, how it was tiled in words
  double mapping_seconds = 0.0;                            // CPU time
  double engine_seconds = 0.0;
};

/// A machine that simulates one network after another: it is elaborated once, and a network leaves
/// nothing that the next one could find. For many networks on one machine. Several can exist, of
/// equal or different machines; those in different threads take turns.
class NetworkSimulator {
 public:
  explicit NetworkSimulator(HardwareConfig hardware);
  ~NetworkSimulator();
  NetworkSimulator(NetworkSimulator&&) noexcept;

  /// Maps and simulates `network`. Throws InputError if the machine cannot hold it, Interrupted.
  SimulatedNetwork run(const Network& network, const SimulationCallback& on_layer = {});

  /// The same with a program that was made of `network` for this machine.
  ///   @param events  other sinks that receive every event
  SimulatedNetwork run(const Network& network, const Program& program,
                       const SimulationCallback& on_layer = {},
                       const std::vector<EventSink*>& events = {});

  const HardwareConfig& hardware() const { return hardware_; }

 private:
  SimulatedNetwork run_part(const Network& network, const Program& program,
                            const SimulationCallback& on_layer, EventSink& events);
  void add_parts(const Network& network, const SimulatedNetwork& part, std::int64_t num_parts,
                 SimulatedNetwork& result) const;

  HardwareConfig hardware_;
  std::unique_ptr<const NetworkMapper> mapper_;
  std::string machine_;  // machine_id()
  EnergyTable energy_;
  std::unique_ptr<Simulator> simulator_;  // elaborated for the first network
};

struct SimulateOptions {
  /// Bounds the work by an estimate before it begins, and reports the layer that is being mapped.
  /// Of a topology, the bound counts for the sum of its layers.
  MappingOptions mapping;
  SimulationCallback on_layer;
  /// Called before each network runs.
  std::function<void(const Network& network, const Program& program)> on_program;
  /// Called after each network with its result.
  std::function<void(const SimulatedNetwork& network)> on_network;
  /// Receive every event, as TimelineRecorder does.
  std::vector<EventSink*> events;
};

/// The result of a simulation.
struct Simulation {
  std::vector<TraceRow> layers;  // in execution order; of a topology, network by network
  Summary summary;               // sums over the layers
};

/// Simulates a workload on a machine, exact to the cycle.
///
///   const auto result = tilewake::simulate(tilewake::read_machine("midap"),
///                                          tilewake::read_workload("resnet50"));
///   result.summary.latency_ms;
///
/// Throws InputError if the machine cannot hold the network, Interrupted if a callback asked for
/// it.
Simulation simulate(const Machine& machine, const Workload& workload,
                    const SimulateOptions& options = {});

/// The facts about machine and workload in a summary; schedule, warnings and parameters are left
/// to the caller.
RunInfo run_info(const Machine& machine, const Workload& workload);

}  // namespace tilewake
