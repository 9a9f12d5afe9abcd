// SPDX-License-Identifier: Apache-2.0
#include "latency_model/latency_model.hpp"

#include <algorithm>
#include <cassert>

namespace tilewake {

Coefficients::Coefficients(const std::vector<std::vector<double>>& rows) {
  for (const std::vector<double>& row : rows) {
    assert(row.size() <= kMaxFeatures);
    std::copy(row.begin(), row.end(), rows_.emplace_back().begin());
  }
}

Predictor::Predictor(const LatencyModel& model, const ExtractorMaker& make_extractor)
    : extractor_(make_extractor(model.hardware)),
      coefficients_(model.coefficients),
      band_(model.holdout.networks.p95) {
  assert(model.coefficients.size() == extractor_->set().op_classes.size());
}

Prediction Predictor::predict(const Network& network) const {
  Prediction prediction;
  prediction.layer_cycles.reserve(network.layers.size());
  prediction.features = extractor_->extract(network);
  for (const LayerFeatures& features : prediction.features) {
    prediction.layer_cycles.push_back(cycles(features));
    prediction.total_cycles += prediction.layer_cycles.back();
  }
  prediction.band = band_;
  return prediction;
}

}  // namespace tilewake
