// SPDX-License-Identifier: Apache-2.0
#include "simulator/api/simulation.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "simulator/api/map_workload.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/stopwatch.hpp"
#include "simulator/common/version.hpp"
#include "simulator/energy/access_counts.hpp"
#include "simulator/energy/layer_energy.hpp"
#include "simulator/engine/simulator.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "simulator/mapping/mapper.hpp"
#include "simulator/trace/tee_sink.hpp"
#include "simulator/trace/trace_recorder.hpp"

namespace tilewake {
namespace {

/// Adds a schedule to those of the networks before, each once.
void add_once(const std::string& schedule, std::string& schedules) {
  if (schedules.empty()) {
    schedules = schedule;
  } else if (schedules.find(schedule) == std::string::npos) {
    schedules += " and " + schedule;
  }
}

std::vector<TraceLayer> trace_layers(const Program& program) {
  std::vector<TraceLayer> layers;
  for (const ProgramLayer& layer : program.layers) {
    layers.push_back({layer.network_layer, layer.fused_into, layer.output_in, layer.spill_reason,
                      layer.weights_in, layer.weights_reason});
  }
  return layers;
}

std::vector<std::pair<std::string, std::string>> plans_of(const Network& network,
                                                          const Program& program) {
  std::vector<std::pair<std::string, std::string>> plans;
  for (const ProgramLayer& layer : program.layers) {
    if (layer.plan.empty()) continue;
    plans.emplace_back(network.layers[static_cast<std::size_t>(layer.network_layer)].name,
                       layer.plan);
  }
  return plans;
}

/// Of the input and the outputs, of one image.
std::int64_t num_external_elements(const Network& network) {
  std::vector<bool> is_read(network.layers.size());
  for (const Layer& layer : network.layers)
    for (const int input : layer.inputs)
      if (input != kNetworkInput) is_read[static_cast<std::size_t>(input)] = true;
  std::int64_t elements = network.input.num_elements();
  for (std::size_t i = 0; i < network.layers.size(); ++i)
    if (!is_read[i]) elements += network.layers[i].ofm.num_elements();
  return elements;
}

/// Shifts all times by those of the runs before.
class ShiftedSink : public EventSink {
 public:
  ShiftedSink(EventSink& sink, std::int64_t cycles) : sink_(sink), cycles_(cycles) {}

  void on_event(const Event& event) override {
    Event shifted = event;
    shifted.begin_cycle += cycles_;
    shifted.end_cycle += cycles_;
    sink_.on_event(shifted);
  }
  bool wants_details() const override { return sink_.wants_details(); }
  void on_dram_request(const DramRequest& request) override {
    DramRequest shifted = request;
    shifted.cycle += cycles_;
    sink_.on_dram_request(shifted);
  }

 private:
  EventSink& sink_;
  const std::int64_t cycles_;
};

/// Refuses a list of many layers that would take too long in sum, before the first is simulated.
void check_topology(const Machine& machine, const Workload& workload, const NetworkMapper& mapper,
                    const MappingOptions& options) {
  if (workload.networks.size() == 1) return;
  const MappingOptions limits{options.max_steps, options.hint, nullptr};
  double steps = 0.0;
  for (const Network& network : workload.networks) {
    const Program program = map_workload(workload.file.path, network, machine, mapper, limits);
    for (const ProgramLayer& layer : program.layers) steps += layer.steps;
    if (steps <= static_cast<double>(options.max_steps)) continue;
    throw InputError(fmt::format(
        "{}: on {}: simulating the layers up to {} takes about {:.3g} steps, more than {}{}",
        workload.file.path, machine.config.name, network.layers.back().name, steps,
        options.max_steps, options.hint));
  }
}

}  // namespace

NetworkSimulator::NetworkSimulator(HardwareConfig hardware)
    : hardware_(std::move(hardware)),
      mapper_(std::make_unique<NetworkMapper>(hardware_)),
      machine_(machine_id(hardware_)),
      energy_(energy_table(hardware_)) {}
NetworkSimulator::~NetworkSimulator() = default;
NetworkSimulator::NetworkSimulator(NetworkSimulator&&) noexcept = default;

SimulatedNetwork NetworkSimulator::run(const Network& network, const SimulationCallback& on_layer) {
  const Stopwatch mapping;
  const Program program = mapper_->map(network);
  const double mapping_seconds = mapping.cpu_seconds();
  SimulatedNetwork result = run(network, program, on_layer);
  result.mapping_seconds = mapping_seconds;
  return result;
}

SimulatedNetwork NetworkSimulator::run(const Network& network, const Program& program,
                                       const SimulationCallback& on_layer,
                                       const std::vector<EventSink*>& events) {
  const Stopwatch engine;
  Network part = network;
  part.batch = network.batch / program.repetitions;
  TeeSink sink(events);
  SimulatedNetwork result = run_part(
      part, program.first_repetition ? *program.first_repetition : program, on_layer, sink);
  if (program.repetitions > 1) {
    SimulatedNetwork next = result;
    if (program.first_repetition || !events.empty()) {
      std::int64_t begin = result.total_cycles;
      // Equal runs have equal events, only later.
      const std::int64_t num_runs = events.empty() ? 1 : program.repetitions - 1;
      for (std::int64_t i = 0; i < num_runs; ++i, begin += next.total_cycles) {
        ShiftedSink shifted(sink, begin);
        next = run_part(part, program, on_layer, shifted);
      }
    }
    add_parts(part, next, program.repetitions - 1, result);
  }
  add_energy(energy_, result.rows);
  result.schedule = program.schedule;
  result.warnings = program.warnings;
  result.plans = plans_of(network, program);
  result.engine_seconds = engine.cpu_seconds();
  return result;
}

/// The result of more parts of a batch, which are as `part`.
void NetworkSimulator::add_parts(const Network& network, const SimulatedNetwork& part,
                                 std::int64_t num_parts, SimulatedNetwork& result) const {
  const auto peak = static_cast<double>(hardware_.peak_macs_per_cycle());
  for (std::size_t i = 0; i < result.rows.size(); ++i) {
    TraceRow& row = result.rows[i];
    add_counts(row, part.rows[i], num_parts);
    if (row.total_cycles > 0)
      row.pe_utilization =
          static_cast<double>(row.effective_macs) / (static_cast<double>(row.total_cycles) * peak);
  }
  result.total_cycles += num_parts * part.total_cycles;
  result.kernel_steps += static_cast<std::uint64_t>(num_parts) * part.kernel_steps;
  result.memory.peak_chip_bytes =
      std::max(result.memory.peak_chip_bytes, part.memory.peak_chip_bytes);
  // The inputs of the parts to come and the outputs of those before are in DRAM, too.
  result.memory.dram_footprint_bytes =
      std::max(result.memory.dram_footprint_bytes, part.memory.dram_footprint_bytes) +
      num_parts * element_bytes(hardware_.element()) * network.batch *
          num_external_elements(network);
}

SimulatedNetwork NetworkSimulator::run_part(const Network& network, const Program& program,
                                            const SimulationCallback& on_layer, EventSink& events) {
  if (!simulator_) simulator_ = std::make_unique<Simulator>(hardware_);
  TraceRecorder recorder(network, trace_layers(program), hardware_.peak_macs_per_cycle(), machine_);
  TeeSink sink({&recorder, &events});
  LayerProgress progress;
  progress.total_layers = static_cast<std::size_t>(
      std::count_if(program.layers.begin(), program.layers.end(),
                    [](const ProgramLayer& layer) { return layer.fused_into.empty(); }));
  std::function<bool()> keep_going;
  if (on_layer) {
    keep_going = [&] {
      ++progress.num_layers;
      return on_layer(progress);
    };
  }
  const RunResult run = simulator_->run(program, sink, keep_going);
  SimulatedNetwork result;
  result.rows = recorder.finish(run.total_cycles);
  add_accesses(program, hardware_, result.rows);
  result.memory = memory_footprint(network, program, hardware_, result.rows);
  result.total_cycles = run.total_cycles;
  result.kernel_steps = run.kernel_steps;
  return result;
}

Simulation simulate(const Machine& machine, const Workload& workload,
                    const SimulateOptions& options) {
  const NetworkMapper mapper(machine.config);
  check_topology(machine, workload, mapper, options.mapping);
  NetworkSimulator simulator(machine.config);
  Simulation result;
  RunInfo info = run_info(machine, workload);
  info.warnings = dram_warnings(machine.config.dram);
  info.warnings.insert(info.warnings.end(), workload.warnings.begin(), workload.warnings.end());
  for (std::size_t i = 0; i < workload.networks.size(); ++i) {
    const Network& network = workload.networks[i];
    const Stopwatch mapping;
    const Program program =
        map_workload(workload.file.path, network, machine, mapper, options.mapping);
    const double mapping_seconds = mapping.cpu_seconds();
    if (options.on_program) options.on_program(network, program);
    SimulationCallback on_layer;
    if (options.on_layer) {
      on_layer = [&options, i](LayerProgress progress) {
        progress.network = i;
        return options.on_layer(progress);
      };
    }
    SimulatedNetwork simulated = simulator.run(network, program, on_layer, options.events);
    simulated.mapping_seconds = mapping_seconds;
    if (options.on_network) options.on_network(simulated);
    result.layers.insert(result.layers.end(), std::make_move_iterator(simulated.rows.begin()),
                         std::make_move_iterator(simulated.rows.end()));
    add_once(simulated.schedule, info.schedule);
    info.peak_chip_bytes = std::max(info.peak_chip_bytes, simulated.memory.peak_chip_bytes);
    info.dram_footprint_bytes =
        std::max(info.dram_footprint_bytes, simulated.memory.dram_footprint_bytes);
    info.warnings.insert(info.warnings.end(), simulated.warnings.begin(), simulated.warnings.end());
    info.num_params += network.num_params();
  }
  result.summary = summarize(info, result.layers);
  return result;
}

RunInfo run_info(const Machine& machine, const Workload& workload) {
  const HardwareConfig& hardware = machine.config;
  RunInfo info;
  info.network = workload.name;
  info.hardware = hardware.name;
  info.machine = machine_id(hardware);
  info.network_hash = workload.hash();
  info.batch = workload.batch();
  info.hardware_hash = fnv1a64(machine.file.text);
  info.clock_mhz = hardware.clock_mhz;
  info.peak_macs_per_cycle = hardware.peak_macs_per_cycle();
  info.device = hardware.device;
  const EnergyTable energy = energy_table(hardware);
  info.area_mm2 = energy.area_mm2;
  info.peak_power_mw = energy.peak_power_mw;
  return info;
}

}  // namespace tilewake
