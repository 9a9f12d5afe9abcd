// SPDX-License-Identifier: Apache-2.0

// Simulates a network on a machine, and compares it with the prediction of a latency model that is
// calibrated now: example [MACHINE [NETWORK]]

#include <cinttypes>
#include <cstdio>
#include <exception>

#include <tilewake/tilewake.hpp>

int main(int argc, char** argv) {
  try {
    const tilewake::Machine machine = tilewake::read_machine(argc > 1 ? argv[1] : "midap");
    const tilewake::Workload network = tilewake::read_workload(argc > 2 ? argv[2] : "resnet50");

    const tilewake::Simulation simulation = tilewake::simulate(machine, network);
    for (const tilewake::TraceRow& layer : simulation.layers) {
      std::printf("%-40s %12" PRId64 " cycles\n", layer.layer.c_str(), layer.total_cycles);
    }
    std::printf("simulated: %.4f ms\n", simulation.summary.latency_ms);

    tilewake::CalibrateOptions options;
    options.num_networks = 200;  // of 1,500: less accurate, but done in half a second
    const tilewake::LatencyModel model = calibrate(machine, options).calibration.model;
    const tilewake::NetworkPrediction prediction = predict(model, network);
    std::printf("predicted: %.4f ms\n", prediction.latency_ms);
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
