// SPDX-License-Identifier: Apache-2.0
#include "latency_model/calibration.hpp"

#include <algorithm>
#include <cassert>
#include <limits>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "latency_model/dataset.hpp"
#include "latency_model/robust_fit.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"
#include "simulator/hardware/hardware_yaml.hpp"

namespace tilewake {
namespace {

using CoefficientRows = std::vector<std::vector<double>>;

constexpr std::size_t kMinNetworks = 2;
constexpr std::size_t kMinLayers = 20;  // too few layers for an error estimate below this
constexpr double kPriorWeight = 1e-3;   // see calibrate()
constexpr int kNoFold = -1;
// Network index of a feature that is non-zero in no network, or in several.
constexpr int kNoNetwork = -1;
constexpr int kSeveral = -2;

/// Coefficients without any measurement.
std::vector<double> expected_coefficients(const FeatureSet& set) {
  std::vector<double> expected;
  for (const FeatureInfo& feature : set.features) {
    expected.push_back(std::clamp(1.0, feature.plausible_min, feature.plausible_max));
  }
  return expected;
}

double expected_cycles(const std::vector<double>& expected, const Sample& sample) {
  double cycles = sample.features.dispatch_cycles;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    cycles += expected[i] * sample.features.values[i];
  }
  return cycles;
}

/// The measurements of one op class.
struct ClassCount {
  std::size_t layers = 0;
  std::vector<std::size_t> non_zero;  // layers, per feature

  std::size_t num_seen() const {
    return non_zero.size() -
           static_cast<std::size_t>(std::count(non_zero.begin(), non_zero.end(), 0U));
  }
};

class Fitter {
 public:
  Fitter(const FeatureSet& set, const Dataset& dataset, std::vector<int> folds)
      : set_(set), dataset_(dataset), folds_(std::move(folds)) {}

  /// Coefficients fitted to every layer outside of `held_out`.
  CoefficientRows fit(int held_out) const {
    const std::vector<double> expected = expected_coefficients(set_);
    std::vector<RobustFit> classes(set_.op_classes.size(), RobustFit(expected, kPriorWeight));
    std::vector<double> row(set_.features.size());
    const std::vector<std::vector<bool>> seen = seen_in_several_networks(held_out);
    for (const Sample& sample : dataset_.samples) {
      if (fold_of(sample) == held_out) continue;
      const auto op_class = static_cast<std::size_t>(sample.features.op_class);
      const double whole = std::max(sample.cycles, expected_cycles(expected, sample));
      double target = (sample.cycles - sample.features.dispatch_cycles) / whole;
      for (std::size_t i = 0; i < row.size(); ++i) {
        row[i] = sample.features.values[i] / whole;
        if (seen[op_class][i]) continue;
        target -= expected[i] * std::exchange(row[i], 0.0);
      }
      classes[op_class].add_row(row, target);
    }
    CoefficientRows coefficients;
    for (const RobustFit& op_class : classes) coefficients.push_back(op_class.solve());
    return coefficients;
  }

  /// Writes a prediction for each layer of fold `fold` (kNoFold: all layers) to `predicted`.
  void predict(const CoefficientRows& rows, int fold, std::vector<double>& predicted) const {
    const Coefficients coefficients(rows);
    for (std::size_t i = 0; i < dataset_.samples.size(); ++i) {
      const Sample& sample = dataset_.samples[i];
      if (fold != kNoFold && fold_of(sample) != fold) continue;
      predicted[i] = coefficients.cycles(sample.features);
    }
  }

 private:
  /// Whether a feature is non-zero in several networks (or in the only network). [class][feature].
  std::vector<std::vector<bool>> seen_in_several_networks(int held_out) const {
    const std::vector<int> none(set_.features.size(), kNoNetwork);
    std::vector<std::vector<int>> network_of(set_.op_classes.size(), none);
    int only_network = kNoNetwork;
    const auto add = [](int& known, int network) {
      known = known == kNoNetwork || known == network ? network : kSeveral;
    };
    for (const Sample& sample : dataset_.samples) {
      if (fold_of(sample) == held_out) continue;
      add(only_network, sample.network);
      const auto op_class = static_cast<std::size_t>(sample.features.op_class);
      for (std::size_t i = 0; i < set_.features.size(); ++i)
        if (sample.features.values[i] != 0.0) add(network_of[op_class][i], sample.network);
    }
    std::vector<std::vector<bool>> result;
    for (const std::vector<int>& features : network_of) {
      std::vector<bool>& seen = result.emplace_back();
      for (const int network : features) seen.push_back(network == only_network);
    }
    return result;
  }

  int fold_of(const Sample& sample) const {
    return folds_[static_cast<std::size_t>(sample.network)];
  }

  const FeatureSet& set_;
  const Dataset& dataset_;
  std::vector<int> folds_;  // by network
};

std::vector<ClassCount> count_classes(const FeatureSet& set, const Dataset& dataset) {
  std::vector<ClassCount> counts(set.op_classes.size());
  for (ClassCount& count : counts) count.non_zero.resize(set.features.size());
  for (const Sample& sample : dataset.samples) {
    ClassCount& count = counts[static_cast<std::size_t>(sample.features.op_class)];
    ++count.layers;
    for (std::size_t i = 0; i < set.features.size(); ++i) {
      if (sample.features.values[i] != 0.0) ++count.non_zero[i];
    }
  }
  return counts;
}

/// Networks with at least one measured layer.
std::set<std::string> measured_networks(const Dataset& dataset) {
  std::set<std::string> names;
  for (const Sample& sample : dataset.samples) {
    names.insert(dataset.networks[static_cast<std::size_t>(sample.network)]);
  }
  return names;
}

void check_enough(const Dataset& dataset, std::size_t num_networks) {
  if (num_networks < kMinNetworks) {
    throw InputError(
        fmt::format("calibration needs measurements of at least {} networks of different names, "
                    "to fit to some and test on others; there are {}",
                    kMinNetworks, num_networks));
  }
  if (dataset.samples.size() < kMinLayers) {
    throw InputError(fmt::format("calibration needs at least {} measured layers; there are {}",
                                 kMinLayers, dataset.samples.size()));
  }
}

/// The fold of each network; kNoFold for networks without a measured layer.
std::vector<int> folds_of(const Dataset& dataset, const std::set<std::string>& measured,
                          int num_folds, std::uint64_t seed) {
  const std::vector<std::string> names(measured.begin(), measured.end());
  const std::vector<int> fold_of_name = network_folds(names, num_folds, seed);
  std::vector<int> folds;
  for (const std::string& network : dataset.networks) {
    const auto name = std::lower_bound(names.begin(), names.end(), network);
    const bool is_measured = name != names.end() && *name == network;
    folds.push_back(is_measured ? fold_of_name[static_cast<std::size_t>(name - names.begin())]
                                : kNoFold);
  }
  return folds;
}

std::vector<std::string> warnings_of(const FeatureSet& set, const CoefficientRows& coefficients,
                                     const std::vector<ClassCount>& counts) {
  std::vector<std::string> warnings;
  for (std::size_t i = 0; i < coefficients.size(); ++i) {
    if (counts[i].layers == 0) {
      warnings.push_back(fmt::format(
          "{}: no training data for this class; default coefficients are used", set.op_classes[i]));
      continue;
    }
    if (counts[i].layers < counts[i].num_seen()) {
      warnings.push_back(
          fmt::format("{}: fewer measured layers ({}) than coefficients ({}); default coefficients "
                      "are used",
                      set.op_classes[i], counts[i].layers, counts[i].num_seen()));
      continue;
    }
    for (std::size_t j = 0; j < coefficients[i].size(); ++j) {
      const FeatureInfo& feature = set.features[j];
      const double value = coefficients[i][j];
      if (counts[i].non_zero[j] == 0 ||
          (value >= feature.plausible_min && value <= feature.plausible_max)) {
        continue;
      }
      warnings.push_back(fmt::format("{}: {} is {:.4g} {}, plausible range {} to {}",
                                     set.op_classes[i], feature.name, value, feature.unit,
                                     feature.plausible_min, feature.plausible_max));
    }
  }
  return warnings;
}

std::vector<Case> cases_of(const Dataset& dataset, const std::vector<double>& predicted) {
  std::vector<Case> cases;
  for (std::size_t i = 0; i < predicted.size(); ++i) {
    const Sample& sample = dataset.samples[i];
    cases.push_back({dataset.networks[static_cast<std::size_t>(sample.network)],
                     sample.layer,
                     sample.features.op_class,
                     predicted[i],
                     sample.cycles,
                     {}});
  }
  return cases;
}

}  // namespace

Calibration calibrate(const HardwareConfig& hardware, const FeatureExtractor& extractor,
                      const Dataset& dataset, const Provenance& provenance,
                      const CalibrationOptions& options) {
  const FeatureSet& set = extractor.set();
  assert(options.num_folds >= 2 && set.features.size() <= kMaxFeatures);
  const std::set<std::string> measured = measured_networks(dataset);
  check_enough(dataset, measured.size());
  if (provenance.seed > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
    throw InputError(
        fmt::format("calibration: the seed must be below 2^63, not {}", provenance.seed));
  }

  const int num_folds = std::min(options.num_folds, static_cast<int>(measured.size()));
  const std::vector<int> folds = folds_of(dataset, measured, num_folds, options.seed);
  const Fitter fitter(set, dataset, folds);
  std::vector<double> predicted(dataset.samples.size());
  for (int fold = 0; fold < num_folds; ++fold) {
    fitter.predict(fitter.fit(fold), fold, predicted);
  }
  Calibration calibration;
  LatencyModel& model = calibration.model;
  model.holdout = evaluate(set, dataset, predicted);
  model.energy = fit_energy(dataset, set.op_classes.size(), folds, num_folds, predicted);
  if (options.keep_holdout) calibration.holdout_layers = cases_of(dataset, predicted);

  model.coefficients = fitter.fit(kNoFold);
  fitter.predict(model.coefficients, kNoFold, predicted);
  calibration.train = evaluate(set, dataset, predicted);
  calibration.warnings = warnings_of(set, model.coefficients, count_classes(set, dataset));

  model.hardware = hardware;
  model.provenance = provenance;
  model.provenance.version = kVersion;
  model.provenance.machine = machine_id(hardware);
  model.provenance.num_networks = static_cast<std::int64_t>(dataset.networks.size());
  model.provenance.num_layers = static_cast<std::int64_t>(dataset.samples.size());
  return calibration;
}

}  // namespace tilewake
