// SPDX-License-Identifier: Apache-2.0
#include "latency_model/api/predict.hpp"

#include <cmath>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/common/error.hpp"
#include "simulator/common/stopwatch.hpp"

namespace tilewake {
namespace {

/// Whole cycles that add up: each layer ends where the sum up to it rounds to.
class Rounding {
 public:
  std::int64_t next(double cycles) {
    end_ += cycles;
    const std::int64_t begin = std::exchange(rounded_end_, std::llround(end_));
    return rounded_end_ - begin;
  }

 private:
  double end_ = 0.0;
  std::int64_t rounded_end_ = 0;
};

/// The error band of a layer, from its class. Adds a class without held-out layers to `untested`.
std::optional<double> band_of(const LatencyModel& model, const LayerFeatures& features,
                              std::set<std::string>& untested) {
  if (features.op_class == kFusedLayer) return 0.0;
  const auto op_class = static_cast<std::size_t>(features.op_class);
  const ErrorSummary& errors = model.holdout.by_class[op_class];
  if (errors.n > 0) return errors.p95;
  untested.insert(model.holdout.op_classes[op_class]);
  return std::nullopt;
}

NetworkPrediction predict_layers(const LatencyModel& model, const Workload& workload) {
  const Predictor predictor(model);
  NetworkPrediction result;
  result.network = workload.name;
  result.batch = workload.batch();
  result.hardware = model.hardware.name;
  result.machine = model.provenance.machine;
  std::vector<Prediction> predictions;
  const Stopwatch stopwatch;
  for (const Network& network : workload.networks) {
    predictions.push_back(predictor.predict(network));
  }
  result.seconds = stopwatch.wall_seconds();
  Rounding rounding;
  std::set<std::string> untested;
  for (std::size_t n = 0; n < workload.networks.size(); ++n) {
    const Network& network = workload.networks[n];
    const std::vector<LayerFeatures>& features = predictions[n].features;
    result.error_band = predictions[n].band;
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
      const Layer& layer = network.layers[i];
      result.layers.push_back({layer.name, layer.block, layer.op, network.batch * layer.num_macs(),
                               rounding.next(predictions[n].layer_cycles[i]),
                               band_of(model, features[i], untested), std::nullopt});
      result.total_cycles += result.layers.back().cycles;
      if (!model.energy) continue;
      PredictedLayer& predicted = result.layers.back();
      predicted.energy_uj =
          features[i].op_class == kFusedLayer
              ? 0.0
              : model.energy->layer_uj(features[i].op_class, energy_counts(network, layer),
                                       predictions[n].layer_cycles[i]);
      result.energy_mj = result.energy_mj.value_or(0.0) + 1e-3 * *predicted.energy_uj;
    }
  }
  if (model.energy) result.energy_error_band = model.energy->networks.p95;
  result.latency_ms = model.hardware.cycles_to_ms(result.total_cycles);
  if (!untested.empty()) {
    result.warnings.push_back(fmt::format(
        "the model was tested on no layers of {}: how wrong it is about them is unknown",
        fmt::join(untested, ", ")));
  }
  return result;
}

}  // namespace

NetworkPrediction predict(const LatencyModel& model, const Workload& workload) {
  try {
    return predict_layers(model, workload);
  } catch (const InputError& e) {
    throw InputError(
        fmt::format("{}: on {}: {}", workload.file.path, model.hardware.name, e.what()));
  }
}

}  // namespace tilewake
