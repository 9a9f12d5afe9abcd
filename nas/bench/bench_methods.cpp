// SPDX-License-Identifier: Apache-2.0
#include "nas/bench/bench_methods.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <numeric>
#include <stdexcept>

#include <boost/math/distributions/normal.hpp>

#include "nas/common/random.hpp"
#include "nas/evolution/evolution.hpp"
#include "nas/guided/guided_search.hpp"

namespace tilewake {
namespace {

constexpr double kNearShare = 0.95;  // of the limit

// Each purpose has a separate stream of random numbers.
constexpr std::uint64_t kTrainingDraws = 0x6274;
constexpr std::uint64_t kOrderDraws = 0x626f;
constexpr std::uint64_t kSearchDraws = 0x6273;
constexpr std::uint64_t kProxyDraws = 0x6270;

/// The trainings that a search may still do, and the networks it trained.
class BenchTrainer {
 public:
  BenchTrainer(const MacroTable& table, int trainings, std::uint64_t seed)
      : table_(table), max_(static_cast<std::size_t>(trainings)), seed_(seed) {}

  bool is_spent() const { return rows_.size() >= max_; }

  /// A network that was trained before costs nothing.
  double train(const Path& path) {
    const std::size_t row = table_.row_of(path);
    if (std::find(rows_.begin(), rows_.end(), row) == rows_.end()) {
      if (is_spent()) throw std::logic_error("a search trains more networks than it may");
      rows_.push_back(row);
    }
    return trained_accuracy(table_, row, seed_);
  }

  std::vector<std::size_t> take_rows() { return std::move(rows_); }

 private:
  const MacroTable& table_;
  std::size_t max_;
  std::uint64_t seed_;
  std::vector<std::size_t> rows_;
};

PathSpace macro_space(const BenchProblem& problem) {
  PathSpace space;
  space.num_choices.assign(kMacroPositions, kMacroChoices);
  space.limit_ms = problem.limit_ms;
  space.latency_ms = [&problem](const Path& path) {
    const std::size_t row = problem.table.row_of(path);
    return row == MacroTable::kNone ? std::numeric_limits<double>::infinity()
                                    : problem.latency_ms[row];
  };
  return space;
}

std::vector<std::size_t> evolved_rows(const BenchProblem& problem, int trainings,
                                      std::uint64_t seed) {
  BenchTrainer trainer(problem.table, trainings, seed);
  EvolutionProblem evolution;
  evolution.space = macro_space(problem);
  evolution.fingerprint = "nas bench";
  evolution.score = [&](const Path& path) { return trainer.train(path); };
  evolution.is_interrupted = [&] { return trainer.is_spent(); };
  const auto fastest = std::min_element(problem.latency_ms.begin(), problem.latency_ms.end());
  evolution.fastest =
      problem.table.rows()[static_cast<std::size_t>(fastest - problem.latency_ms.begin())].path;
  // For tens of trainings instead of SPOS's thousand.
  EvolutionOptions options;
  options.population = 8;
  options.parents = 4;
  options.mutations = 4;
  options.crossovers = 4;
  options.mutation_probability = 0.25;
  options.generations = 1000;
  options.max_tries_factor = 50;
  evolve(evolution, options, seed);
  return trainer.take_rows();
}

std::vector<std::size_t> guided_rows(const BenchProblem& problem, int trainings,
                                     std::uint64_t seed) {
  BenchTrainer trainer(problem.table, trainings, seed);
  GuidedProblem guided;
  guided.space = macro_space(problem);
  guided.features = [&](const Path& path) {
    return macro_features(problem.table.rows()[problem.table.row_of(path)]);
  };
  guided.network_path = macro_network_path;
  guided.train = [&](const Path& path, auto) { return trainer.train(path); };
  GuidedOptions options;
  options.trainings = trainings;
  guided_search(guided, options, seed);
  return trainer.take_rows();
}

/// The first `trainings` of `rows` by descending score; equal ones in random order.
std::vector<std::size_t> best_rows(std::vector<std::size_t> rows, int trainings, std::uint64_t seed,
                                   const std::function<double(std::size_t row)>& score) {
  struct Scored {
    double score;
    std::uint64_t order;
    std::size_t row;
  };
  std::vector<Scored> sorted;
  for (const std::size_t row : rows) {
    sorted.push_back({score(row), random_bits(seed, kOrderDraws, row), row});
  }
  std::sort(sorted.begin(), sorted.end(), [](const Scored& a, const Scored& b) {
    if (a.score != b.score) return a.score > b.score;
    return a.order != b.order ? a.order < b.order : a.row < b.row;
  });
  rows.clear();
  for (const Scored& scored : sorted) {
    if (rows.size() == static_cast<std::size_t>(trainings)) break;
    rows.push_back(scored.row);
  }
  return rows;
}

double log_capacity(const MacroRow& row) {
  return std::log(static_cast<double>(row.macs)) + std::log(static_cast<double>(row.params));
}

/// The normal deviate of that probability.
double normal_quantile(double probability) {
  return boost::math::quantile(boost::math::normal_distribution<double>(), probability);
}

}  // namespace

std::string_view to_string(BenchMethod method) {
  for (const auto& [name, value] : kBenchMethodNames) {
    if (value == method) return name;
  }
  throw std::logic_error("unknown method");
}

std::vector<std::size_t> rows_within(const BenchProblem& problem) {
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < problem.latency_ms.size(); ++i) {
    if (problem.latency_ms[i] <= problem.limit_ms) rows.push_back(i);
  }
  return rows;
}

double trained_accuracy(const MacroTable& table, std::size_t row, std::uint64_t seed) {
  const auto& accuracies = table.rows()[row].accuracies;
  return accuracies[random_bits(seed, kTrainingDraws, row) % accuracies.size()];
}

std::vector<double> macro_features(const MacroRow& row) {
  constexpr std::size_t kStageEnds[] = {2, 5, kMacroPositions};
  std::vector<double> features = {static_cast<double>(row.depth)};
  std::size_t begin = 0;
  for (const std::size_t end : kStageEnds) {
    double blocks = 0.0;
    double large = 0.0;
    for (std::size_t i = begin; i < end; ++i) {
      blocks += row.path[i] > 0 ? 1.0 : 0.0;
      large += row.path[i] == 2 ? 1.0 : 0.0;
    }
    features.push_back(blocks);
    features.push_back(large);
    begin = end;
  }
  return features;
}

std::vector<double> noisy_proxy(const MacroTable& table, const std::vector<std::size_t>& rows,
                                double tau, std::uint64_t seed) {
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto accuracy = [&](std::size_t i) { return table.rows()[rows[i]].mean_accuracy; };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return accuracy(a) < accuracy(b); });
  const double correlation = std::sin(0.5 * std::numbers::pi * tau);
  const double noise = std::sqrt(1.0 - correlation * correlation);
  std::vector<double> proxy(rows.size());
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const double score =
        normal_quantile((static_cast<double>(rank) + 0.5) / static_cast<double>(order.size()));
    const double unit = to_unit(random_bits(seed, kProxyDraws, rows[order[rank]]));
    // Away from 0, of which the quantile is infinite.
    const double deviate = normal_quantile(std::max(unit, 0x1.0p-53));
    proxy[order[rank]] = correlation * score + noise * deviate;
  }
  return proxy;
}

std::vector<std::size_t> trained_rows(const BenchProblem& problem, BenchMethod method,
                                      int trainings, double proxy_tau, std::uint64_t seed) {
  const MacroTable& table = problem.table;
  std::vector<std::size_t> rows = rows_within(problem);
  const std::uint64_t search_seed = random_bits(seed, kSearchDraws);
  const auto by = [&](const std::function<double(std::size_t)>& score) {
    return best_rows(std::move(rows), trainings, search_seed, score);
  };
  switch (method) {
    case BenchMethod::kRandom:
      return by([](std::size_t) { return 0.0; });
    case BenchMethod::kRandomNear:  // those below follow where there are too few
      return by([&](std::size_t row) {
        return problem.latency_ms[row] >= kNearShare * problem.limit_ms ? 1.0 : 0.0;
      });
    case BenchMethod::kEvolution:
      return evolved_rows(problem, trainings, seed);
    case BenchMethod::kGuided:
      return guided_rows(problem, trainings, seed);
    case BenchMethod::kProxy: {
      const std::vector<double> proxy = noisy_proxy(table, rows, proxy_tau, search_seed);
      std::vector<double> score_of_row(table.rows().size(), 0.0);
      for (std::size_t i = 0; i < rows.size(); ++i) score_of_row[rows[i]] = proxy[i];
      return by([&](std::size_t row) { return score_of_row[row]; });
    }
    case BenchMethod::kCapacity:
      return by([&](std::size_t row) { return log_capacity(table.rows()[row]); });
    case BenchMethod::kDepth:
      return by([&](std::size_t row) { return static_cast<double>(table.rows()[row].depth); });
  }
  throw std::logic_error("unknown method");
}

}  // namespace tilewake
