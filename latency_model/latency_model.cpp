// SPDX-License-Identifier: Apache-2.0
#include "latency_model/latency_model.hpp"

#include <algorithm>
#include <cassert>
#include <cstddef>

#include <fmt/format.h>

#include "simulator/common/error.hpp"

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

Prediction predict_energy(const EnergyModel& model, const Predictor& predictor,
                          const Network& network) {
  constexpr double kMjPerUj = 1e-3;
  Prediction prediction = predictor.predict(network);
  prediction.total_cycles = 0.0;
  prediction.band = model.networks.p95;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    double& value = prediction.layer_cycles[i];
    const int op_class = prediction.features[i].op_class;
    if (op_class == kFusedLayer) {
      value = 0.0;
      continue;
    }
    const Layer& layer = network.layers[i];
    if (!model.covers(op_class))
      throw InputError(
          fmt::format("layer {}: no energy is predicted: the latency model was trained "
                      "on no layer of its class",
                      layer.name));
    value = kMjPerUj * model.layer_uj(op_class, energy_counts(network, layer), value);
    prediction.total_cycles += value;
  }
  return prediction;
}

}  // namespace tilewake
