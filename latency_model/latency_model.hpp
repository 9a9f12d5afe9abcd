// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "latency_model/energy_model.hpp"
#include "latency_model/evaluation.hpp"
#include "latency_model/features/feature_extractor.hpp"
#include "simulator/hardware/hardware_config.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// The origin of a model: enough to reproduce it.
struct Provenance {
  std::string version;     // of the tool
  std::string machine;     // machine_id() of the measured machine
  std::string set;         // "designed", or the names of the traces
  std::uint64_t seed = 0;  // of the designed set and the folds; below 2^63
  std::int64_t num_networks = 0;
  std::int64_t num_layers = 0;

  friend bool operator==(const Provenance&, const Provenance&) = default;
};

/// Far above every plausible coefficient, and small enough that no prediction overflows.
inline constexpr double kMaxCoefficient = 1e9;

/// A calibrated model: the machine, one row of coefficients per op class, and its errors on
/// held-out networks.
struct LatencyModel {
  HardwareConfig hardware;
  Provenance provenance;
  // [op class][feature], as in the FeatureSet; 0 to kMaxCoefficient.
  std::vector<std::vector<double>> coefficients;
  Evaluation holdout;  // k-fold by network
  std::optional<EnergyModel> energy;
};

/// Creates the feature extractor of a machine; replaceable in tests.
using ExtractorMaker =
    std::function<std::unique_ptr<FeatureExtractor>(const HardwareConfig& hardware)>;

struct Prediction {
  std::vector<double> layer_cycles;     // of network.layers
  std::vector<LayerFeatures> features;  // of network.layers
  double total_cycles = 0.0;
  // 95 % of the held-out networks have an error of at most this share (0.01 = 1 %).
  double band = 0.0;
};

/// Coefficients prepared for prediction: one dot product per layer.
class Coefficients {
 public:
  explicit Coefficients(const std::vector<std::vector<double>>& rows);

  /// Cycles of one layer, given its features; 0 for a fused one.
  double cycles(const LayerFeatures& features) const {
    if (features.op_class == kFusedLayer) return 0.0;
    const auto& row = rows_[static_cast<std::size_t>(features.op_class)];
    double sum = features.dispatch_cycles;
    for (std::size_t i = 0; i < kMaxFeatures; ++i) sum += row[i] * features.values[i];
    return sum;
  }

 private:
  std::vector<std::array<double, kMaxFeatures>> rows_;  // padded with 0
};

/// A model prepared for prediction. Copies what it needs.
class Predictor {
 public:
  explicit Predictor(const LatencyModel& model,
                     const ExtractorMaker& make_extractor = make_feature_extractor);

  /// Throws InputError naming the layer if the machine cannot hold it.
  Prediction predict(const Network& network) const;

  const FeatureExtractor& extractor() const { return *extractor_; }
  /// Cycles of one layer, given its features.
  double cycles(const LayerFeatures& features) const { return coefficients_.cycles(features); }

 private:
  std::unique_ptr<FeatureExtractor> extractor_;
  Coefficients coefficients_;
  double band_ = 0.0;
};

/// Predicted energy with DRAM: mJ in place of cycles, in layers and total. Throws InputError naming
/// a layer of a class on which the model was not trained, or one that the machine cannot hold.
Prediction predict_energy(const EnergyModel& model, const Predictor& predictor,
                          const Network& network);

}  // namespace tilewake
