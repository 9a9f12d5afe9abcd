// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "latency_model/fit/measured_table.hpp"
#include "simulator/hardware/hardware_config.hpp"

namespace tilewake {

/// Errors of latencies relative to the measured ones (0.01 = 1 %).
struct MeasuredErrors {
  std::size_t n = 0;
  double mape = 0.0;         // mean |error|
  double max = 0.0;          // largest |error|
  double bias = 0.0;         // mean error; > 0: too slow
  double factor = 1.0;       // by which all latencies are multiplied for the least MAPE
  double mape_scaled = 0.0;  // MAPE after that
  double kendall_tau = 0.0;
};

/// Errors of estimates[i] for measured[i], for those i in `rows`.
MeasuredErrors measured_errors(const std::vector<double>& estimates,
                               const std::vector<double>& measured,
                               const std::vector<std::size_t>& rows);

/// An estimate of latencies that any machine must beat: non-negative factors of a few simple
/// figures of a network, fitted to the measured latencies.
class Baseline {
 public:
  Baseline(std::string name, std::vector<std::vector<double>> figures)
      : name_(std::move(name)), figures_(std::move(figures)) {}

  const std::string& name() const { return name_; }

  /// Latencies of all rows, with the factors that have the least relative squared error on
  /// `training`, robustly.
  std::vector<double> estimates(const std::vector<double>& measured,
                                const std::vector<std::size_t>& training) const;

 private:
  std::string name_;
  std::vector<std::vector<double>> figures_;  // of each row
};

/// `constant` (one factor), `MACs` (one), `MACs + bytes` (two) and `roofline` (one), in this order.
/// Bytes are those that enter and leave layers, and weights; the roofline is the sum over layers of
/// roofline_cycles().
std::vector<Baseline> baselines(const MeasuredTable& table, const HardwareConfig& machine);

/// Errors of a baseline on the same rows as those of a machine.
struct BaselineErrors {
  std::string name;
  MeasuredErrors errors;
};

/// The first of `baselines` that a mean error does not beat (`constant`: by 10 %); empty if it
/// beats all.
std::string no_better_than(double mape, const std::vector<BaselineErrors>& baselines);

/// "no better than a constant: held-out mean error 12.30 % against 11.90 %", or "better than every
/// simple estimate, of which the best is MACs with fitted factors: ...". Empty without baselines.
///   @param rows  "held-out" or "in-sample", or what else stands before "mean error"
std::string verdict_text(double mape, const std::vector<BaselineErrors>& baselines,
                         const std::string& rows);

/// All rows of a table.
std::vector<std::size_t> all_rows(const MeasuredTable& table);
std::vector<double> measured_latencies(const MeasuredTable& table);

}  // namespace tilewake
