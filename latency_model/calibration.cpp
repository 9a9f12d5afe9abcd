// SPDX-License-Identifier: Apache-2.0
#include "latency_model/calibration.hpp"

#include <algorithm>
#include <cassert>
#include <limits>
#include <set>
#include <span>

#include <fmt/format.h>

#include "latency_model/folds.hpp"
#include "latency_model/least_squares.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"
#include "simulator/hardware/hardware_yaml.hpp"

namespace tilewake {
namespace {

using CoefficientRows = std::vector<std::vector<double>>;

constexpr std::size_t kMinLayers = 20;  // fewer say nothing about an error
constexpr double kPriorWeight = 1e-3;   // see calibrate()
constexpr int kNoFold = -1;

/// What a coefficient is before anything was measured.
double prior_of(const FeatureInfo& feature) {
  return std::clamp(1.0, feature.plausible_min, feature.plausible_max);
}

/// What was measured of one op class.
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

  /// Coefficients from every layer outside of `held_out`.
  CoefficientRows fit(int held_out) const {
    const std::size_t num_features = set_.features.size();
    std::vector<LeastSquares> classes(set_.op_classes.size(), LeastSquares(num_features));
    std::vector<double> row(num_features);
    for (const Sample& sample : dataset_.samples) {
      if (fold_of(sample) == held_out) continue;
      for (std::size_t i = 0; i < num_features; ++i) {
        row[i] = sample.features.values[i] / sample.cycles;
      }
      classes[static_cast<std::size_t>(sample.features.op_class)].add_row(row, 1.0);
    }
    CoefficientRows coefficients;
    for (LeastSquares& op_class : classes) {
      add_prior(op_class);
      coefficients.push_back(op_class.solve_non_negative());
    }
    return coefficients;
  }

  /// Predicts each layer of fold `fold` (all of them: kNoFold) into its place in `predicted`.
  void predict(const CoefficientRows& rows, int fold, std::vector<double>& predicted) const {
    const Coefficients coefficients(rows);
    for (std::size_t i = 0; i < dataset_.samples.size(); ++i) {
      const Sample& sample = dataset_.samples[i];
      if (fold != kNoFold && fold_of(sample) != fold) continue;
      predicted[i] = coefficients.cycles(sample.features);
    }
  }

 private:
  int fold_of(const Sample& sample) const {
    return folds_[static_cast<std::size_t>(sample.network)];
  }

  void add_prior(LeastSquares& op_class) const {
    for (std::size_t i = 0; i < set_.features.size(); ++i) {
      std::vector<double> row(set_.features.size());
      row[i] = kPriorWeight;
      op_class.add_row(row, kPriorWeight * prior_of(set_.features[i]));
    }
  }

  const FeatureSet& set_;
  const Dataset& dataset_;
  std::vector<int> folds_;  // of networks
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

void check_enough(const FeatureSet& set, const Dataset& dataset,
                  const std::vector<ClassCount>& counts, int num_folds) {
  std::set<std::string> names;
  for (const Sample& sample : dataset.samples) {
    names.insert(dataset.networks[static_cast<std::size_t>(sample.network)]);
  }
  if (names.size() < static_cast<std::size_t>(num_folds)) {
    throw InputError(
        fmt::format("calibration needs measurements of at least {} networks of different names, "
                    "to hold some out in each of {} folds; there are {}",
                    num_folds, num_folds, names.size()));
  }
  if (dataset.samples.size() < kMinLayers) {
    throw InputError(fmt::format("calibration needs at least {} measured layers; there are {}",
                                 kMinLayers, dataset.samples.size()));
  }
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i].layers >= counts[i].num_seen()) continue;
    throw InputError(
        fmt::format("calibration needs at least {} layers of class {}, one a coefficient; there "
                    "are {}: add networks that have more of them",
                    counts[i].num_seen(), set.op_classes[i], counts[i].layers));
  }
}

std::vector<std::string> remarks_on(const FeatureSet& set, const CoefficientRows& coefficients,
                                    const std::vector<ClassCount>& counts) {
  std::vector<std::string> remarks;
  for (std::size_t i = 0; i < coefficients.size(); ++i) {
    if (counts[i].layers == 0) {
      remarks.push_back(fmt::format(
          "{}: no such layer was measured, the formulas are taken as they are", set.op_classes[i]));
      continue;
    }
    for (std::size_t j = 0; j < coefficients[i].size(); ++j) {
      const FeatureInfo& feature = set.features[j];
      const double value = coefficients[i][j];
      if (counts[i].non_zero[j] == 0 ||
          (value >= feature.plausible_min && value <= feature.plausible_max)) {
        continue;
      }
      remarks.push_back(fmt::format("{}: {} is {:.4g} {}, plausible are {} to {}",
                                    set.op_classes[i], feature.name, value, feature.unit,
                                    feature.plausible_min, feature.plausible_max));
    }
  }
  return remarks;
}

}  // namespace

Calibration calibrate(const HardwareConfig& hardware, const FeatureExtractor& extractor,
                      const Dataset& dataset, const Provenance& provenance,
                      const CalibrationOptions& options) {
  const FeatureSet& set = extractor.set();
  assert(options.num_folds >= 2 && set.features.size() <= kMaxFeatures);
  const std::vector<ClassCount> counts = count_classes(set, dataset);
  check_enough(set, dataset, counts, options.num_folds);
  if (provenance.seed > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
    throw InputError(
        fmt::format("calibration: the seed must be below 2^63, not {}", provenance.seed));
  }

  const Fitter fitter(set, dataset,
                      network_folds(dataset.networks, options.num_folds, options.seed));
  std::vector<double> predicted(dataset.samples.size());
  for (int fold = 0; fold < options.num_folds; ++fold) {
    fitter.predict(fitter.fit(fold), fold, predicted);
  }
  Calibration calibration;
  LatencyModel& model = calibration.model;
  model.holdout = evaluate(set, dataset, predicted);

  model.coefficients = fitter.fit(kNoFold);
  fitter.predict(model.coefficients, kNoFold, predicted);
  calibration.train = evaluate(set, dataset, predicted);
  calibration.remarks = remarks_on(set, model.coefficients, counts);

  model.hardware = hardware;
  model.provenance = provenance;
  model.provenance.version = kVersion;
  model.provenance.machine = machine_id(hardware);
  model.provenance.num_networks = static_cast<std::int64_t>(dataset.networks.size());
  model.provenance.num_layers = static_cast<std::int64_t>(dataset.samples.size());
  return calibration;
}

}  // namespace tilewake
