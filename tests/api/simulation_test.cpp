// SPDX-License-Identifier: Apache-2.0
#include "simulator/api/simulation.hpp"

#include <cstddef>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "simulator/api/worker_pool.hpp"
#include "simulator/common/error.hpp"
#include "simulator/engine/events.hpp"
#include "simulator/mapping/mapper.hpp"
#include "simulator/trace/trace_csv.hpp"
#include "tests/support/sanitizer.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

constexpr int kNumSimulations = kHasAddressSanitizer ? 90 : 1000;
constexpr bool kMemoryIsMeasured = !kHasAddressSanitizer;  // it keeps freed memory

Machine shipped(const std::string& name) {
  return read_machine(source_path("hw_configs/" + name + ".yaml").string());
}

std::vector<Machine> all_machines() {
  std::vector<Machine> machines;
  for (const std::string& name : shipped_machine_names()) machines.push_back(shipped(name));
  return machines;
}

Workload small_network() {
  return read_workload(source_path("networks/mobilenet_v1.yaml").string());
}

/// Everything that a simulation reports of the layers.
std::string text_of(const Simulation& simulation) { return trace_csv(simulation.layers); }

std::int64_t resident_kib() {
  std::ifstream file("/proc/self/statm");
  std::int64_t size = 0;
  std::int64_t resident = 0;
  file >> size >> resident;
  return resident * ::sysconf(_SC_PAGESIZE) / 1024;
}

TEST(SimulationTest, ThousandSimulationsOfAllMachinesInTurnEqualThoseOfSeparateProcesses) {
  const std::vector<Machine> machines = all_machines();
  const Workload network = small_network();
  std::vector<std::string> alone(machines.size());
  WorkerPool pool(1);
  for (std::size_t i = 0; i < machines.size(); ++i) {
    ASSERT_TRUE(pool.start(static_cast<std::int64_t>(i),
                           [&] { return text_of(simulate(machines[i], network)); }));
    alone[i] = pool.wait().front().text;
    ASSERT_FALSE(alone[i].empty());
  }
  std::int64_t kib_after_a_tenth = 0;
  for (int n = 0; n < kNumSimulations; ++n) {
    const std::size_t i = static_cast<std::size_t>(n) % machines.size();
    ASSERT_EQ(text_of(simulate(machines[i], network)), alone[i]) << machines[i].config.name;
    if (n == kNumSimulations / 10) kib_after_a_tenth = resident_kib();
  }
  const std::int64_t kib = resident_kib();
  RecordProperty("kib_after_a_tenth", std::to_string(kib_after_a_tenth));
  RecordProperty("kib", std::to_string(kib));
  if (kMemoryIsMeasured) {
    EXPECT_LE(kib, kib_after_a_tenth + 512);
  }
}

TEST(SimulationTest, SeveralMachinesCanBeInUseAtATime) {
  std::vector<NetworkSimulator> simulators;
  for (const Machine& machine : all_machines()) simulators.emplace_back(machine.config);
  const Workload network = small_network();
  std::vector<std::int64_t> cycles;
  for (NetworkSimulator& simulator : simulators) {
    cycles.push_back(simulator.run(network.network()).total_cycles);
  }
  for (std::size_t i = simulators.size(); i-- > 0;) {
    EXPECT_EQ(simulators[i].run(network.network()).total_cycles, cycles[i]);
  }
}

TEST(SimulationTest, ThreadsTakeTurns) {
  const std::vector<Machine> machines = all_machines();
  const Workload network = small_network();
  std::vector<std::string> texts(machines.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < machines.size(); ++i) {
    threads.emplace_back([&, i] { texts[i] = text_of(simulate(machines[i], network)); });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < machines.size(); ++i) {
    EXPECT_EQ(texts[i], text_of(simulate(machines[i], network)));
  }
}

TEST(SimulationTest, CallbackSeesEveryLayerThatIsNotFused) {
  for (const Machine& machine : all_machines()) {
    std::vector<LayerProgress> seen;
    SimulateOptions options;
    options.on_layer = [&](const LayerProgress& progress) {
      seen.push_back(progress);
      return true;
    };
    const Simulation simulation = simulate(machine, small_network(), options);
    std::size_t num_layers = 0;
    for (const TraceRow& row : simulation.layers) num_layers += row.is_fused() ? 0 : 1;
    ASSERT_EQ(seen.size(), num_layers) << machine.config.name;
    EXPECT_EQ(seen.back().num_layers, num_layers);
    EXPECT_EQ(seen.back().total_layers, num_layers);
  }
}

TEST(SimulationTest, StoppedSimulationThrowsAndLeavesNothingForTheNext) {
  for (const Machine& machine : all_machines()) {
    SCOPED_TRACE(machine.config.name);
    NetworkSimulator simulator(machine.config);
    const Network network = small_network().network();
    const std::string undisturbed = trace_csv(simulator.run(network).rows);
    for (const std::size_t last : {std::size_t{1}, std::size_t{2}, std::size_t{7}}) {
      std::size_t num_layers = 0;
      EXPECT_THROW(simulator.run(network,
                                 [&](const LayerProgress& progress) {
                                   num_layers = progress.num_layers;
                                   return progress.num_layers < last;
                                 }),
                   Interrupted);
      EXPECT_EQ(num_layers, last);
      EXPECT_EQ(trace_csv(simulator.run(network).rows), undisturbed);
    }
  }
}

class ThrowingSink final : public EventSink {
 public:
  void on_event(const Event& /*event*/) override { throw std::out_of_range("sink"); }
};

TEST(SimulationTest, ExceptionOfASinkOrCallbackArrivesAsItIs) {
  for (const Machine& machine : all_machines()) {
    NetworkSimulator simulator(machine.config);
    const Network network = small_network().network();
    const Program program = map_network(network, machine.config);
    ThrowingSink sink;
    EXPECT_THROW(simulator.run(network, program, {}, {&sink}), std::out_of_range);
    EXPECT_THROW(
        simulator.run(network,
                      [](const LayerProgress&) -> bool { throw std::domain_error("callback"); }),
        std::domain_error);
    EXPECT_GT(simulator.run(network).total_cycles, 0);
  }
}

TEST(SimulationTest, SimulationInsideACallbackIsRefused) {
  const Machine machine = shipped("midap");
  NetworkSimulator simulator(machine.config);
  const auto nested = [&](const LayerProgress&) {
    simulate(machine, small_network());
    return true;
  };
  EXPECT_THROW(simulator.run(small_network().network(), nested), std::logic_error);
}

TEST(SimulationTest, TopologyIsSimulatedLayerByLayer) {
  const Workload topology = read_workload_text(
      "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, "
      "Strides,\n"
      "Conv1, 16, 16, 3, 3, 8, 16, 1,\n"
      "Conv2, 14, 14, 3, 3, 16, 16, 1,\n",
      "topo.csv");
  EXPECT_TRUE(topology.is_topology());
  EXPECT_THROW(topology.network(), InputError);
  const Machine machine = shipped("tpu_like_128");
  int num_networks = 0;
  SimulateOptions options;
  options.on_network = [&](const SimulatedNetwork&) { ++num_networks; };
  const Simulation simulation = simulate(machine, topology, options);
  EXPECT_EQ(num_networks, 2);
  ASSERT_EQ(simulation.layers.size(), 2U);
  EXPECT_EQ(simulation.summary.info.network, "topo");
  EXPECT_EQ(simulation.summary.total_cycles,
            simulation.layers[0].total_cycles + simulation.layers[1].total_cycles);
  EXPECT_EQ(simulation.layers[1].total_cycles,
            NetworkSimulator(machine.config).run(topology.networks[1]).total_cycles);
}

}  // namespace
}  // namespace tilewake
