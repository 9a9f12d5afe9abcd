// SPDX-License-Identifier: Apache-2.0
#include "nas/bench/benchmark.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "latency_model/rank_correlation.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

/// The rows that the machine can hold, by ascending latency.
std::vector<std::size_t> rows_by_latency(const std::vector<double>& latency_ms) {
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < latency_ms.size(); ++i) {
    if (std::isfinite(latency_ms[i])) rows.push_back(i);
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [&](std::size_t a, std::size_t b) { return latency_ms[a] < latency_ms[b]; });
  return rows;
}

/// Mean accuracy of the network that is the best by the accuracies seen, after each number of
/// trainings.
std::vector<double> chosen_accuracies(const MacroTable& table, const std::vector<std::size_t>& rows,
                                      const std::vector<int>& trainings, std::uint64_t seed) {
  std::vector<double> accuracies;
  std::size_t best = 0;
  std::size_t next = 1;
  for (const int number : trainings) {
    for (; next < rows.size() && next < static_cast<std::size_t>(number); ++next) {
      if (trained_accuracy(table, rows[next], seed) > trained_accuracy(table, rows[best], seed))
        best = next;
    }
    accuracies.push_back(table.rows()[rows[best]].mean_accuracy);
  }
  return accuracies;
}

BenchLimit run_limit(const MacroTable& table, const std::vector<double>& latency_ms, double share,
                     double limit_ms, const BenchOptions& options) {
  const BenchProblem problem{table, latency_ms, limit_ms};
  BenchLimit limit;
  limit.share = share;
  limit.limit_ms = limit_ms;
  for (const std::size_t row : rows_within(problem)) {
    limit.oracle = std::max(limit.oracle, table.rows()[row].mean_accuracy);
    ++limit.num_networks;
  }
  for (const BenchMethod method : options.methods) {
    auto& regrets = limit.regrets.emplace_back(options.trainings.size());
    for (int seed = 1; seed <= options.num_seeds; ++seed) {
      const auto number = static_cast<std::uint64_t>(seed);
      const auto rows =
          trained_rows(problem, method, options.trainings.back(), options.proxy_tau, number);
      const auto accuracies = chosen_accuracies(table, rows, options.trainings, number);
      for (std::size_t i = 0; i < accuracies.size(); ++i)
        regrets[i].push_back(limit.oracle - accuracies[i]);
    }
  }
  return limit;
}

}  // namespace

BenchTau latency_free_tau(const MacroTable& table, const std::vector<double>& latency_ms) {
  constexpr std::size_t kNumBins = 10;
  const std::vector<std::size_t> rows = rows_by_latency(latency_ms);
  BenchTau tau;
  for (std::size_t bin = 0; bin < kNumBins; ++bin) {
    std::vector<double> accuracy;
    std::vector<double> log_macs;
    std::vector<double> params;
    std::vector<double> depth;
    std::vector<double> capacity;
    for (std::size_t i = rows.size() * bin / kNumBins; i < rows.size() * (bin + 1) / kNumBins;
         ++i) {
      const MacroRow& row = table.rows()[rows[i]];
      accuracy.push_back(row.mean_accuracy);
      log_macs.push_back(std::log(static_cast<double>(row.macs)));
      params.push_back(static_cast<double>(row.params));
      depth.push_back(row.depth);
      capacity.push_back(log_macs.back() + std::log(params.back()));
    }
    tau.log_macs += kendall_tau(log_macs, accuracy) / kNumBins;
    tau.params += kendall_tau(params, accuracy) / kNumBins;
    tau.depth += kendall_tau(depth, accuracy) / kNumBins;
    tau.capacity += kendall_tau(capacity, accuracy) / kNumBins;
  }
  return tau;
}

BenchMachine run_benchmark(const MacroTable& table, const std::string& machine,
                           const std::vector<double>& latency_ms, const BenchOptions& options) {
  const std::vector<std::size_t> rows = rows_by_latency(latency_ms);
  if (rows.empty()) throw InputError(fmt::format("{} can hold none of the networks", machine));
  BenchMachine result;
  result.name = machine;
  result.num_networks = rows.size();
  result.tau = latency_free_tau(table, latency_ms);
  for (const double share : options.limits) {
    const double rank = std::ceil(share * static_cast<double>(rows.size()));
    const std::size_t last =
        std::clamp(static_cast<std::size_t>(rank), std::size_t{1}, rows.size()) - 1;
    result.limits.push_back(run_limit(table, latency_ms, share, latency_ms[rows[last]], options));
  }
  return result;
}

}  // namespace tilewake
