// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tilewake {

struct Dataset;
struct FeatureSet;

/// Errors of predictions relative to the measured cycles (0.01 = 1 %).
struct ErrorSummary {
  std::int64_t n = 0;
  double mape = 0.0;       // mean |error|
  double median = 0.0;     // median |error|: insensitive to a few tiny layers
  double rmspe = 0.0;      // root mean square error
  double bias = 0.0;       // mean error; > 0: predicted too slow
  double max = 0.0;        // largest |error|
  double p95 = 0.0;        // 95th percentile of |error| (nearest rank)
  double within_5 = 0.0;   // share of cases with |error| <= 5 %
  double within_10 = 0.0;  // ... <= 10 %

  friend bool operator==(const ErrorSummary&, const ErrorSummary&) = default;
};

/// `measured` values are > 0. With no cases, every field is 0.
ErrorSummary summarize_errors(const std::vector<double>& predicted,
                              const std::vector<double>& measured);

/// A layer, predicted and measured.
struct Case {
  std::string network;
  std::string layer;
  int op_class = 0;
  double predicted = 0.0;
  double measured = 0.0;
  std::vector<double> features;  // values of the FeatureSet

  double error() const { return (predicted - measured) / measured; }
  friend bool operator==(const Case&, const Case&) = default;
};

inline constexpr std::size_t kNumWorst = 10;

/// Errors on a set that was held out from the fit (or not, for mape_train).
struct Evaluation {
  std::vector<std::string> op_classes;  // names, in the order of by_class
  std::vector<ErrorSummary> by_class;   // layers
  ErrorSummary layers;                  // all layers
  ErrorSummary networks;                // on the sum of the layers of each network
  double kendall_tau = 0.0;             // over the networks
  double spearman = 0.0;
  double roofline_mape = 0.0;  // of layers; roofline = max(MACs / peak, bytes / bandwidth)
  std::vector<Case> worst;     // layers, at most kNumWorst, worst first

  friend bool operator==(const Evaluation&, const Evaluation&) = default;
};

/// Compares predicted[i] with dataset.samples[i].
Evaluation evaluate(const FeatureSet& set, const Dataset& dataset,
                    const std::vector<double>& predicted);

}  // namespace tilewake
