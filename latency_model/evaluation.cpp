// SPDX-License-Identifier: Apache-2.0
#include "latency_model/evaluation.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "latency_model/dataset.hpp"
#include "latency_model/rank_correlation.hpp"

namespace tilewake {
namespace {

/// Predictions and measurements side by side.
struct Compared {
  std::vector<double> predicted;
  std::vector<double> measured;

  void add(double prediction, double measurement) {
    predicted.push_back(prediction);
    measured.push_back(measurement);
  }
  ErrorSummary summary() const { return summarize_errors(predicted, measured); }
};

/// Sums over the layers of each network that has measured layers.
Compared compare_networks(const Dataset& dataset, const std::vector<double>& predicted) {
  std::vector<double> predicted_sums(dataset.networks.size());
  std::vector<double> measured_sums(dataset.networks.size());
  for (std::size_t i = 0; i < dataset.samples.size(); ++i) {
    const auto network = static_cast<std::size_t>(dataset.samples[i].network);
    predicted_sums[network] += predicted[i];
    measured_sums[network] += dataset.samples[i].cycles;
  }
  Compared networks;
  for (std::size_t i = 0; i < measured_sums.size(); ++i) {
    if (measured_sums[i] > 0.0) networks.add(predicted_sums[i], measured_sums[i]);
  }
  return networks;
}

std::vector<Case> worst_cases(const FeatureSet& set, const Dataset& dataset,
                              const std::vector<double>& predicted) {
  const auto error = [&](std::size_t i) {
    return std::abs(predicted[i] - dataset.samples[i].cycles) / dataset.samples[i].cycles;
  };
  std::vector<std::size_t> order(predicted.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto end = order.begin() + static_cast<std::ptrdiff_t>(std::min(kNumWorst, order.size()));
  std::partial_sort(order.begin(), end, order.end(), [&](std::size_t i, std::size_t j) {
    return error(i) != error(j) ? error(i) > error(j) : i < j;
  });
  std::vector<Case> cases;
  for (auto it = order.begin(); it != end; ++it) {
    const Sample& sample = dataset.samples[*it];
    const auto& values = sample.features.values;
    cases.push_back(
        {dataset.networks[static_cast<std::size_t>(sample.network)],
         sample.layer,
         sample.features.op_class,
         predicted[*it],
         sample.cycles,
         {values.begin(), values.begin() + static_cast<std::ptrdiff_t>(set.features.size())}});
  }
  return cases;
}

}  // namespace

ErrorSummary summarize_errors(const std::vector<double>& predicted,
                              const std::vector<double>& measured) {
  assert(predicted.size() == measured.size());
  ErrorSummary summary;
  if (predicted.empty()) return summary;
  std::vector<double> magnitudes;
  double squares = 0.0;
  for (std::size_t i = 0; i < predicted.size(); ++i) {
    assert(measured[i] > 0.0);
    const double error = (predicted[i] - measured[i]) / measured[i];
    magnitudes.push_back(std::abs(error));
    summary.bias += error;
    summary.mape += std::abs(error);
    squares += error * error;
  }
  const std::size_t count = magnitudes.size();
  const auto n = static_cast<double>(count);
  std::sort(magnitudes.begin(), magnitudes.end());
  const auto share_within = [&](double limit) {
    const auto end = std::upper_bound(magnitudes.begin(), magnitudes.end(), limit);
    return static_cast<double>(end - magnitudes.begin()) / n;
  };
  const auto percentile = [&](std::size_t percent) {  // nearest rank
    return magnitudes[(percent * count + 99) / 100 - 1];
  };
  summary.n = static_cast<std::int64_t>(count);
  summary.bias /= n;
  summary.mape /= n;
  summary.rmspe = std::sqrt(squares / n);
  summary.max = magnitudes.back();
  summary.median = percentile(50);
  summary.p95 = percentile(95);
  summary.within_5 = share_within(0.05);
  summary.within_10 = share_within(0.10);
  return summary;
}

Evaluation evaluate(const FeatureSet& set, const Dataset& dataset,
                    const std::vector<double>& predicted) {
  assert(predicted.size() == dataset.samples.size());
  Compared layers;
  Compared rooflines;
  std::vector<Compared> classes(set.op_classes.size());
  for (std::size_t i = 0; i < predicted.size(); ++i) {
    const Sample& sample = dataset.samples[i];
    layers.add(predicted[i], sample.cycles);
    rooflines.add(sample.roofline_cycles, sample.cycles);
    classes[static_cast<std::size_t>(sample.features.op_class)].add(predicted[i], sample.cycles);
  }
  const Compared networks = compare_networks(dataset, predicted);

  Evaluation evaluation;
  evaluation.op_classes.assign(set.op_classes.begin(), set.op_classes.end());
  for (const Compared& op_class : classes) evaluation.by_class.push_back(op_class.summary());
  evaluation.layers = layers.summary();
  evaluation.networks = networks.summary();
  evaluation.kendall_tau = kendall_tau(networks.predicted, networks.measured);
  evaluation.spearman = spearman(networks.predicted, networks.measured);
  evaluation.roofline_mape = rooflines.summary().mape;
  evaluation.worst = worst_cases(set, dataset, predicted);
  return evaluation;
}

}  // namespace tilewake
