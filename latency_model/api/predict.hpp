// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "latency_model/latency_model.hpp"
#include "simulator/api/inputs.hpp"
#include "simulator/network/layer.hpp"

namespace tilewake {

struct PredictedLayer {
  std::string layer;
  std::string block;  // empty outside of a block
  Op op = Op::kConv2d;
  std::int64_t macs = 0;  // of all images
  std::int64_t cycles = 0;
  /// 95 % of the held-out layers of the same class were within this share of the simulator (0.01 =
  /// 1 %); nothing where none was held out.
  std::optional<double> error_band;
  std::optional<double> energy_uj;  // with DRAM; nothing if the model has none of such layers
};

/// The predicted latency of a workload.
struct NetworkPrediction {
  std::string network;                 // its name
  std::string hardware;                // the name of the machine
  std::string machine;                 // machine_id()
  std::vector<PredictedLayer> layers;  // in the network's order; their cycles add up to the total
  std::int64_t batch = 1;              // images of one inference
  std::int64_t total_cycles = 0;
  double latency_ms = 0.0;            // of the batch
  double error_band = 0.0;            // of whole networks
  std::optional<double> energy_mj;    // of the batch; nothing if a layer has none
  double energy_error_band = 0.0;     // of whole networks
  std::vector<std::string> warnings;  // layers on which it was not trained or tested
  double seconds = 0.0;               // wall time

  double ms_per_image() const { return latency_ms / static_cast<double>(batch); }
};

/// Predicts what the simulator would report, in microseconds a layer.
///
///   const auto prediction = tilewake::predict(model, tilewake::read_workload("resnet50"));
///   prediction.latency_ms;
///
/// For many networks make one Predictor (latency_model.hpp) and keep it.
/// Throws InputError naming the layer that the machine cannot hold.
NetworkPrediction predict(const LatencyModel& model, const Workload& workload);

}  // namespace tilewake
