// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "latency_model/latency_model.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// What a prediction tells its user.
struct PredictionReport {
  const LatencyModel& model;
  std::string name;                        // of the network, or of the topology
  std::vector<const Layer*> layers;        // in the network's order
  std::vector<std::int64_t> layer_cycles;  // of these; they add up to the total
  // 95 % of what was held out was within this share of the simulator: layers of the same class
  // (nothing where none was held out) ...
  std::vector<std::optional<double>> layer_bands;
  double band = 0.0;  // ... and whole networks

  std::int64_t total_cycles() const;
};

std::string prediction_table(const PredictionReport& report, bool color);
std::string prediction_csv(const PredictionReport& report);
std::string prediction_json(const PredictionReport& report);

}  // namespace tilewake
