// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>

#include <benchmark/benchmark.h>

#include "simulator/mapping/mapper.hpp"
#include "simulator/trace/summary.hpp"
#include "simulator/trace/trace_csv.hpp"
#include "tests/support/machine.hpp"
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

void map_the_network(benchmark::State& state, const std::string& name) {
  const HardwareConfig midap = shipped_machine("midap");
  const Network network = shipped_network(name);
  for (auto _ : state) benchmark::DoNotOptimize(map_network(network, midap));
  count_layers(state, network);
}

class NoSink final : public EventSink {
 public:
  void on_event(const Event& event) override { benchmark::DoNotOptimize(event.end_cycle); }
};

/// The engine alone: steps of the SystemC kernel are what its time is made of.
void run_the_program(benchmark::State& state, const std::string& name) {
  Machine midap(shipped_machine("midap"));
  const Network network = shipped_network(name);
  const Program program = map_network(network, midap.hardware());
  NoSink sink;
  std::uint64_t steps = 0;
  std::int64_t cycles = 0;
  for (auto _ : state) {
    const RunResult result = midap.run_only(program, sink);
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
void simulate_the_network(benchmark::State& state, const std::string& name) {
  const std::string text = read_file(source_path("networks/" + name + ".yaml"));
  Machine midap(shipped_machine("midap"));
  for (auto _ : state) {
    const Network network = read_network_text(text, name);
    const NetworkRun run = midap.run(network);
    benchmark::DoNotOptimize(trace_csv(run.rows) + summary_json(summarize(RunInfo{}, run.rows)));
  }
  count_layers(state, shipped_network(name));
}

// To measure another network: one name here.
const char* const kNetworks[] = {"resnet50", "efficientnet_b4", "inception_v3"};

const bool kRegistered = [] {
  for (const std::string name : kNetworks) {
    const auto add = [&name](const char* what, void (*run)(benchmark::State&, const std::string&)) {
      benchmark::RegisterBenchmark((std::string(what) + "/" + name).c_str(),
                                   [run, name](benchmark::State& state) { run(state, name); })
          ->Unit(benchmark::kMillisecond);
    };
    add("read", read_the_network);
    add("map", map_the_network);
    add("engine", run_the_program);
    add("whole", simulate_the_network);
  }
  return true;
}();

}  // namespace
}  // namespace tilewake
