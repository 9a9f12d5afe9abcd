// SPDX-License-Identifier: Apache-2.0
#include "latency_model/fit/measured_errors.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "latency_model/dataset.hpp"
#include "latency_model/rank_correlation.hpp"
#include "latency_model/robust_fit.hpp"

namespace tilewake {
namespace {

constexpr double kNoBetter = 0.9;  // share of the error of a constant

/// The factor with the least sum of |factor x estimate / measured - 1|: a weighted median.
double best_factor(const std::vector<double>& estimates, const std::vector<double>& measured,
                   const std::vector<std::size_t>& rows) {
  std::vector<std::pair<double, double>> ratios;  // measured / estimate, its weight
  double total = 0.0;
  for (const std::size_t i : rows) {
    if (!(estimates[i] > 0.0) || !std::isfinite(estimates[i])) continue;
    ratios.emplace_back(measured[i] / estimates[i], estimates[i] / measured[i]);
    total += ratios.back().second;
  }
  std::sort(ratios.begin(), ratios.end());
  double sum = 0.0;
  for (const auto& [ratio, weight] : ratios) {
    sum += weight;
    if (sum >= 0.5 * total) return ratio;
  }
  return 1.0;
}

/// Bytes that a layer reads and writes if nothing stays on chip.
double moved_bytes(const Network& network, const Layer& layer) {
  std::int64_t bytes = layer.ofm.num_elements();
  for (const int input : layer.inputs) {
    const bool reads_part = layer.op == Op::kChannelSplit || layer.op == Op::kSlice;
    bytes += reads_part ? layer.ofm.num_elements() : network.shape_of(input).num_elements();
  }
  return static_cast<double>(layer.num_weights() + network.batch * bytes);
}

}  // namespace

MeasuredErrors measured_errors(const std::vector<double>& estimates,
                               const std::vector<double>& measured,
                               const std::vector<std::size_t>& rows) {
  MeasuredErrors errors;
  errors.n = rows.size();
  if (rows.empty()) return errors;
  errors.factor = best_factor(estimates, measured, rows);
  std::vector<double> a;
  std::vector<double> b;
  for (const std::size_t i : rows) {
    const double error = estimates[i] / measured[i] - 1.0;
    errors.mape += std::abs(error);
    errors.bias += error;
    errors.max = std::max(errors.max, std::abs(error));
    errors.mape_scaled += std::abs(errors.factor * estimates[i] / measured[i] - 1.0);
    a.push_back(estimates[i]);
    b.push_back(measured[i]);
  }
  const double n = static_cast<double>(rows.size());
  errors.mape /= n;
  errors.bias /= n;
  errors.mape_scaled /= n;
  errors.kendall_tau = kendall_tau(a, b);
  return errors;
}

std::vector<double> Baseline::estimates(const std::vector<double>& measured,
                                        const std::vector<std::size_t>& training) const {
  const std::size_t num_factors = figures_.front().size();
  // Columns are scaled to about 1 by their share of the latency if each explained all of it.
  std::vector<double> scales(num_factors, 0.0);
  for (const std::size_t i : training) {
    for (std::size_t j = 0; j < num_factors; ++j) scales[j] += figures_[i][j] / measured[i];
  }
  for (double& scale : scales) {
    scale = scale > 0.0 ? static_cast<double>(training.size()) / scale : 1.0;
  }
  RobustFit fit(std::vector<double>(num_factors, 1.0 / static_cast<double>(num_factors)), 1e-6);
  std::vector<double> row(num_factors);
  for (const std::size_t i : training) {
    for (std::size_t j = 0; j < num_factors; ++j) {
      row[j] = figures_[i][j] * scales[j] / measured[i];
    }
    fit.add_row(row, 1.0);
  }
  const std::vector<double> factors = fit.solve();
  std::vector<double> estimates(measured.size(), 0.0);
  for (std::size_t i = 0; i < measured.size(); ++i) {
    for (std::size_t j = 0; j < num_factors; ++j) {
      estimates[i] += factors[j] * scales[j] * figures_[i][j];
    }
  }
  return estimates;
}

std::vector<Baseline> baselines(const MeasuredTable& table, const HardwareConfig& machine) {
  std::vector<std::vector<double>> constant;
  std::vector<std::vector<double>> macs;
  std::vector<std::vector<double>> macs_and_bytes;
  std::vector<std::vector<double>> roofline;
  for (const MeasuredRow& row : table.rows) {
    double num_macs = 0.0;
    double num_bytes = 0.0;
    double cycles = 0.0;
    for (const Network& network : row.workload.networks) {
      num_macs += static_cast<double>(network.num_macs());
      for (const Layer& layer : network.layers) {
        num_bytes += moved_bytes(network, layer);
        cycles += roofline_cycles(machine, network, layer);
      }
    }
    constant.push_back({1.0});
    macs.push_back({num_macs});
    macs_and_bytes.push_back({num_macs, num_bytes});
    roofline.push_back({cycles});
  }
  return {{"constant", std::move(constant)},
          {"MACs", std::move(macs)},
          {"MACs + bytes", std::move(macs_and_bytes)},
          {"roofline", std::move(roofline)}};
}

std::string no_better_than(double mape, const std::vector<BaselineErrors>& baselines) {
  for (const BaselineErrors& baseline : baselines) {
    const double share = baseline.name == "constant" ? kNoBetter : 1.0;
    if (!(mape < share * baseline.errors.mape)) return baseline.name;  // the simplest one
  }
  return "";
}

std::string verdict_text(double mape, const std::vector<BaselineErrors>& baselines,
                         const std::string& rows) {
  if (baselines.empty()) return "";
  const std::string winner = no_better_than(mape, baselines);
  const auto shown = std::min_element(baselines.begin(), baselines.end(),
                                      [&](const BaselineErrors& a, const BaselineErrors& b) {
                                        if (!winner.empty())
                                          return a.name == winner && b.name != winner;
                                        return a.errors.mape < b.errors.mape;
                                      });
  const std::string name =
      shown->name == "constant" ? "a constant" : shown->name + " with fitted factors";
  return fmt::format(
      "{} {}: {} mean error {:.2f} % against {:.2f} %",
      winner.empty() ? "better than every simple estimate, of which the best is" : "no better than",
      name, rows, 100.0 * mape, 100.0 * shown->errors.mape);
}

std::vector<std::size_t> all_rows(const MeasuredTable& table) {
  std::vector<std::size_t> rows(table.rows.size());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  return rows;
}

std::vector<double> measured_latencies(const MeasuredTable& table) {
  std::vector<double> latencies;
  for (const MeasuredRow& row : table.rows) latencies.push_back(row.latency_ms);
  return latencies;
}

}  // namespace tilewake
