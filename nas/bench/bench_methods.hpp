// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "nas/bench/macro_table.hpp"

namespace tilewake {

/// How the networks to train are selected.
enum class BenchMethod {
  kRandom,      // uniformly among the networks within the limit
  kRandomNear,  // the same among those that take at least 95 % of it
  kEvolution,   // nas/evolution with the accuracy of a training as score
  kGuided,      // nas/guided
  kProxy,       // by a noisy estimate of the accuracy of given Kendall's tau, as of a supernet
  kCapacity,    // by log MACs + log parameters
  kDepth        // the deepest, of equal depth in random order
};

inline constexpr std::array<std::pair<std::string_view, BenchMethod>, 7> kBenchMethodNames = {{
    {"random", BenchMethod::kRandom},
    {"random_near", BenchMethod::kRandomNear},
    {"evolution", BenchMethod::kEvolution},
    {"guided", BenchMethod::kGuided},
    {"proxy", BenchMethod::kProxy},
    {"capacity", BenchMethod::kCapacity},
    {"depth", BenchMethod::kDepth},
}};

std::string_view to_string(BenchMethod method);

/// The networks of a table on one machine, within one limit.
struct BenchProblem {
  const MacroTable& table;
  const std::vector<double>& latency_ms;  // of every row; infinity: the machine cannot hold it
  double limit_ms = 0.0;
};

/// The rows within the limit, ascending.
std::vector<std::size_t> rows_within(const BenchProblem& problem);

/// Accuracy of one of a network's trainings, the same for a seed and a row.
double trained_accuracy(const MacroTable& table, std::size_t row, std::uint64_t seed);

/// The rows that a search trains, in order, at least one and at most `trainings`, each once. The
/// limit is that of at least one network. The search sees trained_accuracy() only. Deterministic
/// for a seed.
std::vector<std::size_t> trained_rows(const BenchProblem& problem, BenchMethod method,
                                      int trainings, double proxy_tau, std::uint64_t seed);

/// What guided searches predict the accuracy from; see README.md.
std::vector<double> macro_features(const MacroRow& row);

/// An estimate of each row's mean accuracy whose order agrees with it by Kendall's tau `tau`, in
/// the mean over seeds: normal scores of the ranks plus normal noise. Source of tau = 2/pi asin(r)
/// for two normal variables of correlation r: Kruskal, "Ordinal Measures of Association", JASA 53,
/// 1958.
std::vector<double> noisy_proxy(const MacroTable& table, const std::vector<std::size_t>& rows,
                                double tau, std::uint64_t seed);

}  // namespace tilewake
