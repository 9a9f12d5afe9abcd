// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "nas/bench/bench_methods.hpp"
#include "nas/bench/macro_table.hpp"

namespace tilewake {

/// Search methods on a table of networks with known accuracies.
struct BenchOptions {
  std::vector<BenchMethod> methods;
  std::vector<int> trainings;  // ascending: the searches are judged after each
  std::vector<double> limits;  // each the share of the networks that keep to it, in (0, 1]
  int num_seeds = 100;         // seeds 1 to num_seeds
  double proxy_tau = 0.3;
};

/// All searches within one limit on one machine.
struct BenchLimit {
  double share = 0.0;
  double limit_ms = 0.0;
  std::size_t num_networks = 0;  // within the limit
  double oracle = 0.0;           // the highest mean accuracy of these
  /// [method][trainings][seed - 1]: oracle minus the mean accuracy of the network that the search
  /// chooses, which is the best trained one by the accuracies that it sees.
  std::vector<std::vector<std::vector<double>>> regrets;
};

/// Kendall's tau of a figure and the mean accuracy at equal latency: the mean over ten bins of
/// equally many networks, sorted by latency.
struct BenchTau {
  double log_macs = 0.0;
  double params = 0.0;
  double depth = 0.0;
  double capacity = 0.0;  // log MACs + log parameters
};

struct BenchMachine {
  std::string name;
  std::size_t num_networks = 0;  // that the machine can hold
  BenchTau tau;
  std::vector<BenchLimit> limits;
};

/// `latency_ms`: of every row; infinity where the machine cannot hold the network. Throws
/// InputError if it can hold none.
BenchMachine run_benchmark(const MacroTable& table, const std::string& machine,
                           const std::vector<double>& latency_ms, const BenchOptions& options);

BenchTau latency_free_tau(const MacroTable& table, const std::vector<double>& latency_ms);

/// For another process of the same program.
std::string bench_machine_text(const BenchMachine& machine);
BenchMachine bench_machine_of(const std::string& text);

/// Mean regret of each method after each number of trainings, over machines, limits and seeds;
/// paired differences to random search with confidence intervals; the taus.
///   @param max_columns  of a line; 0: any number
std::string bench_table(const BenchOptions& options, const std::vector<BenchMachine>& machines,
                        std::size_t max_columns);
/// `# tilewake-bench v1`: a line per machine, limit, method and number of trainings.
std::string bench_csv(const BenchOptions& options, const std::vector<BenchMachine>& machines);
std::string bench_json(const BenchOptions& options, const std::vector<BenchMachine>& machines);

}  // namespace tilewake
