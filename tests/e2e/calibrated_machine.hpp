// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "latency_model/calibration.hpp"
#include "latency_model/calibration_set.hpp"
#include "latency_model/evaluation_report.hpp"
#include "simulator/api/simulation.hpp"
#include "simulator/common/error.hpp"
#include "simulator/mapping/mapper.hpp"
#include "tests/support/random.hpp"
#include "tests/support/s3nas_network.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {

// Simulating is what takes time here, and sanitizers make it many times slower.
#ifdef NDEBUG
inline constexpr int kNumDesigned = 500;
inline constexpr int kNumRandom = 1000;
inline constexpr int kNumRandomOfChanged = 200;  // for each changed machine
#else
inline constexpr int kNumDesigned = 150;
inline constexpr int kNumRandom = 40;
inline constexpr int kNumRandomOfChanged = 10;
#endif

/// A machine with a latency model of it that was fitted to designed networks and nothing else.
class CalibratedMachine {
 public:
  explicit CalibratedMachine(HardwareConfig hardware)
      : machine_(std::move(hardware)),
        extractor_(make_feature_extractor(machine_.hardware())),
        calibration_(calibrate_on(designed(), {})),
        predictor_(calibration_.model) {}

  const HardwareConfig& hardware() const { return machine_.hardware(); }
  const FeatureSet& features() const { return extractor_->set(); }
  Prediction predict(const Network& network) const { return predictor_.predict(network); }

  /// Simulates `network` and adds what was measured.
  void measure(const Network& network, Dataset& dataset) {
    add_measurement(dataset, *extractor_, hardware(), network, machine_.run(network).rows);
  }
  SimulatedNetwork run(const Network& network) { return machine_.run(network); }

  Dataset measured(const std::vector<Network>& networks) {
    Dataset dataset;
    for (const Network& network : networks) measure(network, dataset);
    return dataset;
  }

  /// How far the model is from `dataset`.
  Evaluation evaluation_on(const Dataset& dataset) const {
    std::vector<double> predicted;
    for (const Sample& sample : dataset.samples) {
      predicted.push_back(predictor_.cycles(sample.features));
    }
    return evaluate(features(), dataset, predicted);
  }

  /// A model fitted to `dataset` alone.
  Calibration calibrate_on(const Dataset& dataset, const CalibrationOptions& options) const {
    return calibrate(hardware(), *extractor_, dataset, Provenance{}, options);
  }

 private:
  Dataset designed() {
    Dataset dataset;
    const CalibrationSet set(hardware(), 1, kNumDesigned);
    for (int i = 0; i < set.size(); ++i) {
      const Network network = set.network(i);
      try {
        map_network(network, hardware());
      } catch (const InputError&) {
        continue;  // more than the machine can hold
      }
      measure(network, dataset);
    }
    return dataset;
  }

  NetworkSimulator machine_;
  std::unique_ptr<FeatureExtractor> extractor_;
  Calibration calibration_;
  Predictor predictor_;
};

inline std::vector<Network> random_s3nas_networks(int count) {
  Random random(2009'02009);
  std::vector<Network> networks;
  for (int i = 0; i < count; ++i) {
    networks.push_back(random_s3nas_network(random, "s3nas" + std::to_string(i)));
  }
  return networks;
}

/// The name of a case in failure messages.
inline std::string off_by(double predicted, double measured) {
  return fmt::format("{:.0f} predicted, {:.0f} measured ({:+.2f} %)", predicted, measured,
                     100.0 * (predicted / measured - 1.0));
}

}  // namespace tilewake
