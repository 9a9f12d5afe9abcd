// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "latency_model/calibration.hpp"
#include "latency_model/calibration_set.hpp"
#include "simulator/api/simulation.hpp"
#include "simulator/common/error.hpp"
#include "simulator/mapping/mapper.hpp"
#include "tests/support/shipped.hpp"

// "Items" are layers, so that networks compare, and predicting compares with simulating.

namespace tilewake {
namespace {

void count_layers(benchmark::State& state, const Network& network) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(network.layers.size()));
}

/// Coefficients do not change how long a prediction takes.
LatencyModel model_of(const HardwareConfig& hardware) {
  const auto extractor = make_feature_extractor(hardware);
  LatencyModel model;
  model.hardware = hardware;
  model.coefficients.assign(extractor->set().op_classes.size(),
                            std::vector<double>(extractor->set().features.size(), 1.0));
  return model;
}

void extract_the_features(benchmark::State& state, const std::string& name) {
  const auto extractor = make_feature_extractor(shipped_machine("midap"));
  const Network network = shipped_network(name);
  for (auto _ : state) benchmark::DoNotOptimize(extractor->extract(network));
  count_layers(state, network);
}

void predict_the_network(benchmark::State& state, const std::string& name) {
  const Predictor predictor(model_of(shipped_machine("midap")));
  const Network network = shipped_network(name);
  for (auto _ : state) benchmark::DoNotOptimize(predictor.predict(network));
  count_layers(state, network);
}

/// The object of a prediction.
void map_and_simulate_the_network(benchmark::State& state, const std::string& name) {
  NetworkSimulator midap(shipped_machine("midap"));
  const Network network = shipped_network(name);
  for (auto _ : state) benchmark::DoNotOptimize(midap.run(network));
  count_layers(state, network);
}

/// The designed set as `tilewake calibrate` measures it, about 25,000 layers.
Dataset designed_set(const HardwareConfig& hardware, const FeatureExtractor& extractor) {
  NetworkSimulator machine(hardware);
  const CalibrationSet set(hardware, 1);
  Dataset dataset;
  for (int i = 0; i < set.size(); ++i) {
    const Network network = set.network(i);
    try {
      map_network(network, hardware);
    } catch (const InputError&) {
      continue;  // more than the machine can hold
    }
    add_measurement(dataset, extractor, hardware, network, machine.run(network).rows);
  }
  return dataset;
}

/// The fit of all and of every fold, and their evaluation. Items are measured layers.
void fit_the_designed_set(benchmark::State& state) {
  const HardwareConfig midap = shipped_machine("midap");
  const auto extractor = make_feature_extractor(midap);
  const Dataset dataset = designed_set(midap, *extractor);
  for (auto _ : state) {
    benchmark::DoNotOptimize(calibrate(midap, *extractor, dataset, Provenance{}, {}));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(dataset.samples.size()));
}
BENCHMARK(fit_the_designed_set)->Name("fit/designed")->Unit(benchmark::kMillisecond);

/// With a new predictor: its machine has seen no layer yet.
void predict_cold(benchmark::State& state, const std::string& machine, const std::string& name) {
  const LatencyModel model = model_of(shipped_machine(machine));
  const Network network = shipped_network(name);
  for (auto _ : state) benchmark::DoNotOptimize(Predictor(model).predict(network));
  count_layers(state, network);
}

void predict_again(benchmark::State& state, const std::string& machine, const std::string& name) {
  const Predictor predictor(model_of(shipped_machine(machine)));
  const Network network = shipped_network(name);
  for (auto _ : state) benchmark::DoNotOptimize(predictor.predict(network));
  count_layers(state, network);
}

/// As predict_cold: mapped by a new simulator.
void simulate_cold(benchmark::State& state, const std::string& machine, const std::string& name) {
  const HardwareConfig hardware = shipped_machine(machine);
  const Network network = shipped_network(name);
  for (auto _ : state) benchmark::DoNotOptimize(NetworkSimulator(hardware).run(network));
  count_layers(state, network);
}

// To measure another network or machine: one name here.
const char* const kNetworks[] = {"resnet50", "mobilenet_v2", "efficientnet_b4", "s3nas_m"};
const char* const kTiledMachines[] = {"edge_systolic_32", "tpu_like_128", "eyeriss_like",
                                      "ethos_u_like",     "vpu_like",     "cpu_like",
                                      "dsp_like"};

const bool kRegistered = [] {
  for (const std::string name : kNetworks) {
    const auto add = [&name](const char* what, void (*run)(benchmark::State&, const std::string&)) {
      benchmark::RegisterBenchmark((std::string(what) + "/" + name).c_str(),
                                   [run, name](benchmark::State& state) { run(state, name); })
          ->Unit(benchmark::kMicrosecond);
    };
    add("features", extract_the_features);
    add("predict", predict_the_network);
    add("map_and_simulate", map_and_simulate_the_network);
    for (const std::string machine : kTiledMachines) {
      using Run = void (*)(benchmark::State&, const std::string&, const std::string&);
      const auto add_tiled = [&](const std::string& what, Run run) {
        benchmark::RegisterBenchmark(
            (what + "/" + machine + "/" + name).c_str(),
            [run, machine, name](benchmark::State& state) { run(state, machine, name); })
            ->Unit(benchmark::kMicrosecond);
      };
      add_tiled("predict_cold", predict_cold);
      add_tiled("predict_again", predict_again);
      add_tiled("simulate_cold", simulate_cold);
    }
  }
  return true;
}();

}  // namespace
}  // namespace tilewake
