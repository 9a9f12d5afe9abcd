// SPDX-License-Identifier: Apache-2.0
#include "simulator/explore/nsga2.hpp"

#include <algorithm>
#include <cassert>
#include <limits>
#include <numeric>
#include <optional>
#include <random>
#include <unordered_set>
#include <utility>

namespace tilewake {
namespace {

constexpr int kCrossoverPercent = 90;
constexpr int kStepPercent = 60;       // of mutations; the others draw any value
constexpr int kNeighbourPercent = 75;  // of the offspring
constexpr int kMaxTries = 20;

/// Seeded integers, identical with every standard library.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) {
    std::seed_seq words{seed, seed >> 32};
    engine_.seed(words);
  }
  std::size_t below(std::size_t count) { return static_cast<std::size_t>(engine_() % count); }
  bool chance(int percent) { return below(100) < static_cast<std::size_t>(percent); }

 private:
  std::mt19937_64 engine_;
};

struct Individual {
  Genome genome;
  GenomeResult result;
  std::size_t rank = 0;
  double crowding = 0.0;
};

/// Ranks of feasible individuals first, then those of the others by their violation.
void set_ranks(std::vector<Individual>& all) {
  std::vector<std::size_t> feasible;
  std::vector<std::size_t> others;
  std::vector<ObjectiveValues> values;
  for (std::size_t i = 0; i < all.size(); ++i) {
    (all[i].result.is_feasible() ? feasible : others).push_back(i);
    if (all[i].result.is_feasible()) values.push_back(all[i].result.values);
  }
  const std::vector<std::size_t> ranks = non_dominated_ranks(values);
  std::size_t next = 0;
  for (std::size_t i = 0; i < feasible.size(); ++i) {
    all[feasible[i]].rank = ranks[i];
    next = std::max(next, ranks[i] + 1);
  }
  std::stable_sort(others.begin(), others.end(), [&](std::size_t a, std::size_t b) {
    return all[a].result.violation < all[b].result.violation;
  });
  for (std::size_t i = 0; i < others.size(); ++i) {
    const bool is_equal =
        i > 0 && all[others[i]].result.violation == all[others[i - 1]].result.violation;
    if (i > 0 && !is_equal) ++next;
    all[others[i]].rank = next;
  }
}

/// Crowding distances within each rank; the ends of a rank are infinitely far.
void set_crowding(std::vector<Individual>& all) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::size_t num_ranks = 0;
  for (Individual& individual : all) {
    individual.crowding = 0.0;
    num_ranks = std::max(num_ranks, individual.rank + 1);
  }
  std::vector<std::vector<std::size_t>> members(num_ranks);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].result.is_feasible()) members[all[i].rank].push_back(i);
  }
  for (std::vector<std::size_t>& of_rank : members) {
    if (of_rank.empty()) continue;
    for (std::size_t m = 0; m < all[of_rank.front()].result.values.size(); ++m) {
      const auto value = [&](std::size_t i) { return all[of_rank[i]].result.values[m]; };
      std::stable_sort(of_rank.begin(), of_rank.end(), [&](std::size_t a, std::size_t b) {
        return all[a].result.values[m] < all[b].result.values[m];
      });
      all[of_rank.front()].crowding = all[of_rank.back()].crowding = kInfinity;
      const double range = value(of_rank.size() - 1) - value(0);
      if (range <= 0.0) continue;
      for (std::size_t i = 1; i + 1 < of_rank.size(); ++i) {
        all[of_rank[i]].crowding += (value(i + 1) - value(i - 1)) / range;
      }
    }
  }
}

bool is_better(const Individual& a, const Individual& b) {
  return a.rank != b.rank ? a.rank < b.rank : a.crowding > b.crowding;
}

class Nsga2 {
 public:
  Nsga2(const std::vector<std::size_t>& num_values, const Nsga2Options& options,
        const EvaluateGenomes& evaluate)
      : num_values_(num_values), options_(options), evaluate_(evaluate), draw_(options.seed) {
    for (const std::size_t count : num_values) {
      assert(count > 0 && count <= kMaxGridSize / size_);
      size_ *= count;
    }
    budget_ = static_cast<std::size_t>(std::min<std::uint64_t>(options.max_evaluations, size_));
  }

  void run() {
    if (!evaluate_all(first_generation())) return;
    while (known_.size() < budget_) {
      select();
      std::vector<Genome> offspring;
      const std::size_t count = std::min(options_.population, budget_ - known_.size());
      while (offspring.size() < count) offspring.push_back(next_genome());
      if (!evaluate_all(offspring)) return;
    }
  }

 private:
  /// Position in the grid.
  std::uint64_t index_of(const Genome& genome) const {
    std::uint64_t index = 0;
    for (std::size_t i = 0; i < genome.size(); ++i) index = index * num_values_[i] + genome[i];
    return index;
  }

  Genome genome_at(std::uint64_t index) const {
    Genome genome(num_values_.size());
    for (std::size_t i = genome.size(); i-- > 0;) {
      genome[i] = static_cast<std::size_t>(index % num_values_[i]);
      index /= num_values_[i];
    }
    return genome;
  }

  /// Notes a genome that will be evaluated; false if it was noted before.
  bool note(const Genome& genome) { return known_.insert(index_of(genome)).second; }
  bool is_known(const Genome& genome) const { return known_.contains(index_of(genome)); }

  /// A Latin hypercube: the values of each key equally often, in random order.
  std::vector<Genome> first_generation() {
    const std::size_t count = std::min(options_.population, budget_);
    std::vector<Genome> genomes(count, Genome(num_values_.size()));
    for (std::size_t key = 0; key < num_values_.size(); ++key) {
      std::vector<std::size_t> column(count);
      for (std::size_t i = 0; i < count; ++i) column[i] = i * num_values_[key] / count;
      for (std::size_t i = count; i > 1; --i) std::swap(column[i - 1], column[draw_.below(i)]);
      for (std::size_t i = 0; i < count; ++i) genomes[i][key] = column[i];
    }
    std::vector<Genome> different;
    for (Genome& genome : genomes) {
      different.push_back(note(genome) ? std::move(genome) : unknown_genome());
    }
    return different;
  }

  bool evaluate_all(const std::vector<Genome>& genomes) {
    std::vector<GenomeResult> results = evaluate_(genomes);
    const bool is_complete = results.size() == genomes.size();
    for (std::size_t i = 0; i < results.size(); ++i) {
      Individual individual{genomes[i], std::move(results[i])};
      add_to_front(individual);
      population_.push_back(std::move(individual));
    }
    return is_complete;
  }

  /// The front of everything that was evaluated; equal points are kept: their neighbours differ.
  void add_to_front(const Individual& individual) {
    if (!individual.result.is_feasible()) return;
    const ObjectiveValues& values = individual.result.values;
    const auto covers = [&](const Individual& other) {
      return dominates(other.result.values, values);
    };
    if (std::any_of(front_.begin(), front_.end(), covers)) return;
    std::erase_if(front_,
                  [&](const Individual& other) { return dominates(values, other.result.values); });
    front_.push_back(individual);
  }

  /// Keeps the best individuals of parents and offspring.
  void select() {
    set_ranks(population_);
    set_crowding(population_);
    std::stable_sort(population_.begin(), population_.end(), is_better);
    if (population_.size() > options_.population) population_.resize(options_.population);
  }

  Genome next_genome() {
    if (!front_.empty() && draw_.chance(kNeighbourPercent)) {
      if (std::optional<Genome> neighbour = neighbour_of_front()) return std::move(*neighbour);
    }
    for (int i = 0; i < kMaxTries; ++i) {
      Genome child = crossed(parent(), parent());
      mutate(child);
      if (note(child)) return child;
    }
    if (std::optional<Genome> neighbour = neighbour_of_front()) return std::move(*neighbour);
    return unknown_genome();
  }

  const Genome& parent() {
    const Individual& a = population_[draw_.below(population_.size())];
    const Individual& b = population_[draw_.below(population_.size())];
    return is_better(a, b) ? a.genome : b.genome;
  }

  Genome crossed(const Genome& a, const Genome& b) {
    Genome child = a;
    if (!draw_.chance(kCrossoverPercent)) return child;
    for (std::size_t i = 0; i < child.size(); ++i) {
      if (draw_.chance(50)) child[i] = b[i];
    }
    return child;
  }

  /// Changes one key on average, and at least one of a copy of a known genome.
  void mutate(Genome& genome) {
    for (std::size_t i = 0; i < genome.size(); ++i) {
      if (draw_.below(genome.size()) == 0) mutate(genome, i);
    }
    if (is_known(genome)) mutate(genome, draw_.below(genome.size()));
  }

  void mutate(Genome& genome, std::size_t key) {
    const std::size_t count = num_values_[key];
    if (count < 2) return;
    if (draw_.chance(kStepPercent)) {
      const bool is_up = genome[key] == 0 || (genome[key] + 1 < count && draw_.chance(50));
      genome[key] = is_up ? genome[key] + 1 : genome[key] - 1;
    } else {
      genome[key] = draw_.below(count);
    }
  }

  /// An unknown genome one step from a member of the front, which is noted; none if there is none.
  std::optional<Genome> neighbour_of_front() {
    if (front_.empty()) return std::nullopt;
    const std::size_t first = draw_.below(front_.size());
    for (std::size_t n = 0; n < front_.size(); ++n) {
      const Genome& genome = front_[(first + n) % front_.size()].genome;
      std::vector<Genome> unknown;
      for (std::size_t key = 0; key < genome.size(); ++key) {
        for (const bool is_up : {false, true}) {
          if (is_up ? genome[key] + 1 == num_values_[key] : genome[key] == 0) continue;
          Genome neighbour = genome;
          neighbour[key] += is_up ? 1 : std::size_t(-1);
          if (!is_known(neighbour)) unknown.push_back(std::move(neighbour));
        }
      }
      if (unknown.empty()) continue;
      Genome chosen = std::move(unknown[draw_.below(unknown.size())]);
      note(chosen);
      return chosen;
    }
    return std::nullopt;
  }

  /// Any genome that is not known; there is one, since the budget is at most the grid.
  Genome unknown_genome() {
    std::uint64_t index = draw_.below(static_cast<std::size_t>(size_));
    while (known_.contains(index)) index = (index + 1) % size_;
    known_.insert(index);
    return genome_at(index);
  }

  const std::vector<std::size_t>& num_values_;
  const Nsga2Options& options_;
  const EvaluateGenomes& evaluate_;
  Draw draw_;
  std::uint64_t size_ = 1;
  std::size_t budget_ = 0;
  std::unordered_set<std::uint64_t> known_;
  std::vector<Individual> population_;
  std::vector<Individual> front_;
};

}  // namespace

void run_nsga2(const std::vector<std::size_t>& num_values, const Nsga2Options& options,
               const EvaluateGenomes& evaluate) {
  assert(!num_values.empty() && options.population > 0);
  Nsga2(num_values, options, evaluate).run();
}

}  // namespace tilewake
