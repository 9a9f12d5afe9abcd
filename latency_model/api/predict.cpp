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

/// Nothing for a layer of a class on which the model was not trained.
std::optional<double> energy_of(const EnergyModel& model, int op_class, const EnergyTerms& counts,
                                double cycles) {
  if (op_class == kFusedLayer) return 0.0;
  if (!model.covers(op_class)) return std::nullopt;
  return model.layer_uj(op_class, counts, cycles);
}

/// The sum, unless a layer has no energy.
void add_energy(const LatencyModel& model, NetworkPrediction& result) {
  double sum_uj = 0.0;
  for (const PredictedLayer& layer : result.layers) {
    if (!layer.energy_uj) {
      result.warnings.push_back(fmt::format(
          "no energy is predicted: the model was trained on no layer like {}", layer.layer));
      return;
    }
    sum_uj += *layer.energy_uj;
  }
  result.energy_mj = 1e-3 * sum_uj;
  result.energy_error_band = model.energy->networks.p95;
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
      if (model.energy)
        result.layers.back().energy_uj =
            energy_of(*model.energy, features[i].op_class, energy_counts(network, layer),
                      predictions[n].layer_cycles[i]);
    }
  }
  if (model.energy) add_energy(model, result);
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
