// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "latency_model/latency_model.hpp"
#include "nas/space/architecture.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {

/// A model of MIDAP with all coefficients 1, instead of a calibrated one: its estimates are within
/// some percent of those, which none of the laws tested with it minds.
inline Predictor midap_predictor() {
  LatencyModel model;
  model.hardware = shipped_machine("midap");
  const std::unique_ptr<FeatureExtractor> extractor = make_feature_extractor(model.hardware);
  const FeatureSet& set = extractor->set();
  model.coefficients.assign(set.op_classes.size(), std::vector<double>(set.features.size(), 1.0));
  return Predictor(model);
}

inline LatencyEstimate midap_estimate() {
  const auto predictor = std::make_shared<Predictor>(midap_predictor());
  const double clock_mhz = shipped_machine("midap").clock_mhz;
  return [predictor, clock_mhz](const Network& network) {
    return predictor->predict(network).total_cycles / (clock_mhz * 1e3);
  };
}

}  // namespace tilewake
