// SPDX-License-Identifier: Apache-2.0
#include "simulator/explore/explorer.hpp"

#include <algorithm>
#include <cassert>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

constexpr std::size_t kBatchOfAll = 4096;  // points of an exhaustive exploration at a time
// Of NSGA-II: small budgets need more generations than individuals.
constexpr std::size_t kMinPopulation = 16;
constexpr std::size_t kMaxPopulation = 64;
constexpr std::uint64_t kEvaluationsOfAnIndividual = 25;

bool is_exhaustive(const ExploreOptions& options) {
  return options.exhaustive || grid_size(options.keys) <= options.max_evaluations;
}

class Explorer {
 public:
  Explorer(PointRunner& runner, const ExploreOptions& options)
      : runner_(runner), options_(options) {
    assert(!options.keys.empty() && !options.objectives.empty());
    check_shardable(options);
    for (const Setting& key : options.keys) num_values_.push_back(key.values.size());
    result_.grid_size = grid_size(options.keys);
    result_.is_exhaustive = is_exhaustive(options);
  }

  Exploration run() {
    if (result_.is_exhaustive) {
      evaluate_all();
    } else {
      search();
    }
    std::sort(result_.points.begin(), result_.points.end(),
              [](const ExploredPoint& a, const ExploredPoint& b) { return a.index < b.index; });
    find_front();
    return std::move(result_);
  }

 private:
  void evaluate_all() {
    if (result_.grid_size > ExploreOptions::kMaxExhaustive) {
      throw UsageError(fmt::format("--exhaustive: the grid has {} points; the limit is {}",
                                   result_.grid_size, ExploreOptions::kMaxExhaustive));
    }
    result_.is_complete = true;
    for (std::uint64_t begin = 0; begin < result_.grid_size && result_.is_complete;
         begin += kBatchOfAll) {
      std::vector<Genome> genomes;
      const std::uint64_t end = std::min(begin + kBatchOfAll, result_.grid_size);
      for (std::uint64_t index = begin; index < end; ++index) {
        if (options_.shard.has(static_cast<std::int64_t>(index)))
          genomes.push_back(genome_at(index));
      }
      result_.is_complete = evaluate(genomes).size() == genomes.size();
    }
  }

  void search() {
    Nsga2Options search;
    search.seed = options_.seed;
    search.max_evaluations = static_cast<std::size_t>(options_.max_evaluations);
    search.population =
        std::clamp(static_cast<std::size_t>(options_.max_evaluations / kEvaluationsOfAnIndividual),
                   kMinPopulation, kMaxPopulation);
    result_.is_complete = true;
    run_nsga2(num_values_, search, [this](const std::vector<Genome>& genomes) {
      std::vector<GenomeResult> results = evaluate(genomes);
      if (results.size() < genomes.size()) result_.is_complete = false;
      return results;
    });
  }

  Genome genome_at(std::uint64_t index) const {
    Genome genome(num_values_.size());
    for (std::size_t i = genome.size(); i-- > 0;) {
      genome[i] = static_cast<std::size_t>(index % num_values_[i]);
      index /= num_values_[i];
    }
    return genome;
  }

  std::uint64_t index_of(const Genome& genome) const {
    std::uint64_t index = 0;
    for (std::size_t i = 0; i < genome.size(); ++i) index = index * num_values_[i] + genome[i];
    return index;
  }

  /// Evaluates the genomes and keeps their points. The results end at the first genome that was not
  /// simulated.
  std::vector<GenomeResult> evaluate(const std::vector<Genome>& genomes) {
    std::vector<PointRunner::Settings> settings;
    for (const Genome& genome : genomes) {
      PointRunner::Settings& of_point = settings.emplace_back(options_.fixed);
      for (std::size_t i = 0; i < genome.size(); ++i) {
        of_point.push_back({options_.keys[i].key, options_.keys[i].values[genome[i]]});
      }
    }
    std::vector<std::optional<PointResult>> simulated = runner_.run(settings);
    std::vector<GenomeResult> results;
    bool is_complete = true;
    for (std::size_t i = 0; i < genomes.size(); ++i) {
      is_complete = is_complete && simulated[i].has_value();
      if (!simulated[i]) continue;
      GenomeResult result = keep(genomes[i], std::move(*simulated[i]));
      if (is_complete) results.push_back(std::move(result));
    }
    return results;
  }

  GenomeResult keep(const Genome& genome, PointResult simulated) {
    ExploredPoint point{index_of(genome), genome, std::move(simulated), {}, false};
    GenomeResult result;
    if (point.result.is_ok()) {
      for (const Objective* objective : options_.objectives) {
        point.objectives.push_back(objective->of(point.result));
      }
      for (const ObjectiveLimit& limit : options_.limits) {
        const double value = limit.objective->of(point.result);
        // Relative, so that limits of different units add up.
        if (value > limit.value) {
          result.violation += limit.value > 0.0 ? value / limit.value - 1.0 : value;
        }
      }
      point.is_feasible = result.is_feasible();
      result.values = point.objectives;
    } else {
      result.violation = std::numeric_limits<double>::infinity();
    }
    result_.points.push_back(std::move(point));
    return result;
  }

  void find_front() {
    std::vector<std::size_t> feasible;
    std::vector<ObjectiveValues> values;
    for (std::size_t i = 0; i < result_.points.size(); ++i) {
      if (!result_.points[i].is_feasible) continue;
      feasible.push_back(i);
      values.push_back(result_.points[i].objectives);
    }
    for (const std::size_t i : pareto_front(values)) result_.front.push_back(feasible[i]);
  }

  PointRunner& runner_;
  const ExploreOptions& options_;
  std::vector<std::size_t> num_values_;
  Exploration result_;
};

}  // namespace

std::size_t Exploration::num_failed() const {
  return static_cast<std::size_t>(
      std::count_if(points.begin(), points.end(),
                    [](const ExploredPoint& point) { return !point.result.is_ok(); }));
}

std::size_t Exploration::num_feasible() const {
  return static_cast<std::size_t>(std::count_if(
      points.begin(), points.end(), [](const ExploredPoint& point) { return point.is_feasible; }));
}

std::uint64_t grid_size(const std::vector<Setting>& keys) {
  std::uint64_t size = 1;
  for (const Setting& key : keys) {
    if (key.values.size() > kMaxGridSize / size) {
      throw UsageError(fmt::format("--vary: the grid has more than {} points", kMaxGridSize));
    }
    size *= key.values.size();
  }
  return size;
}

void check_shardable(const ExploreOptions& options) {
  if (options.shard.count > 1 && !is_exhaustive(options)) {
    throw UsageError(
        "--shard: NSGA-II needs all results of a generation; --exhaustive simulates all points");
  }
}

Exploration explore(PointRunner& runner, const ExploreOptions& options) {
  return Explorer(runner, options).run();
}

}  // namespace tilewake
