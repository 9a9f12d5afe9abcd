// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>

#include <benchmark/benchmark.h>

#include "simulator/api/simulation.hpp"
#include "simulator/engine/simulator.hpp"
#include "simulator/mapping/mapper.hpp"
#include "simulator/trace/summary.hpp"
#include "simulator/trace/trace_csv.hpp"
#include "tests/support/shipped.hpp"

// "Items" are layers, so that networks compare.

namespace tilewake {
namespace {

void count_layers(benchmark::State& state, const Network& network) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(network.layers.size()));
}

void read_the_network(benchmark::State& state, const std::string& name) {
  const std::string text = read_file(source_path("networks/" + name + ".yaml"));
  for (auto _ : state) benchmark::DoNotOptimize(read_network_text(text, name));
  count_layers(state, shipped_network(name));
}

void map_the_network(benchmark::State& state, const std::string& machine, const std::string& name) {
  const HardwareConfig hardware = shipped_machine(machine);
  const Network network = shipped_network(name);
  for (auto _ : state) benchmark::DoNotOptimize(map_network(network, hardware));
  count_layers(state, network);
}

class NoSink final : public EventSink {
 public:
  void on_event(const Event& event) override { benchmark::DoNotOptimize(event.end_cycle); }
};

/// The engine alone: steps of the SystemC kernel are what its time is made of.
void run_the_program(benchmark::State& state, const std::string& hardware,
                     const std::string& name) {
  const HardwareConfig config = shipped_machine(hardware);
  Simulator machine(config);
  const Network network = shipped_network(name);
  const Program program = map_network(network, config);
  NoSink sink;
  std::uint64_t steps = 0;
  std::int64_t cycles = 0;
  for (auto _ : state) {
    const RunResult result = machine.run(program, sink);
    steps += result.kernel_steps;
    cycles += result.total_cycles;
  }
  count_layers(state, network);
  using benchmark::Counter;
  state.counters["kernel_steps"] = Counter(static_cast<double>(steps), Counter::kAvgIterations);
  state.counters["steps_rate"] = Counter(static_cast<double>(steps), Counter::kIsRate);
  state.counters["cycles_rate"] = Counter(static_cast<double>(cycles), Counter::kIsRate);
}

/// From the text of the files to the text of layers.csv and summary.json.
void simulate_the_network(benchmark::State& state, const std::string& hardware,
                          const std::string& name) {
  const std::string text = read_file(source_path("networks/" + name + ".yaml"));
  NetworkSimulator machine(shipped_machine(hardware));
  for (auto _ : state) {
    const Network network = read_network_text(text, name);
    const SimulatedNetwork run = machine.run(network);
    benchmark::DoNotOptimize(trace_csv(run.rows) + summary_json(summarize(RunInfo{}, run.rows)));
  }
  count_layers(state, shipped_network(name));
}

// To measure another network or machine: one name here.
const char* const kNetworks[] = {"resnet50", "efficientnet_b4", "inception_v3"};
const char* const kMachines[] = {"midap", "tpu_like_128", "edge_systolic_32", "dsp_like"};

template <typename Run>
void add(const std::string& name, Run run) {
  benchmark::RegisterBenchmark(name.c_str(), run)->Unit(benchmark::kMillisecond);
}

const bool kRegistered = [] {
  for (const std::string network : kNetworks) {
    add("read/" + network,
        [network](benchmark::State& state) { read_the_network(state, network); });
    for (const std::string machine : kMachines) {
      const std::string both = machine + "/" + network;
      add("map/" + both, [machine, network](benchmark::State& state) {
        map_the_network(state, machine, network);
      });
      add("engine/" + both, [machine, network](benchmark::State& state) {
        run_the_program(state, machine, network);
      });
      add("whole/" + both, [machine, network](benchmark::State& state) {
        simulate_the_network(state, machine, network);
      });
    }
  }
  return true;
}();

}  // namespace
}  // namespace tilewake
