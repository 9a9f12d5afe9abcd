// SPDX-License-Identifier: Apache-2.0
#include "nas/evolution/evolution.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nas/common/random.hpp"
#include "nas/evolution/evolution_file.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

/// Everything that decides which candidates there are and their scores, one "name=value" a line.
std::string fingerprint_of(const EvolutionProblem& problem, const EvolutionOptions& o,
                           std::uint64_t seed) {
  const PathSpace& space = problem.space;
  return fmt::format(
      "{}\ncandidates of a generation={}\nparents={}\nmutations={}\ncrossovers={}\n"
      "generations={}\nmutation probability={}\ntries={}\nseed={}\nchoices={}\n"
      "fixed choices={}\nlatency limit={}\nfastest path={}\n",
      problem.fingerprint, o.population, o.parents, o.mutations, o.crossovers, o.generations,
      o.mutation_probability, o.max_tries_factor, seed, space.num_choices, space.fixed,
      space.limit_ms, problem.fastest.value_or(Path()));
}

std::string text_of(const Path& path) { return fmt::format("{}", fmt::join(path, " ")); }

std::string text_of(const Candidate& candidate) {
  return fmt::format("{:.4f} at {:.4g} ms: {}", candidate.score, candidate.latency_ms,
                     text_of(candidate.path));
}

/// "generation 3: 48 new (24 mutation, 24 crossover), best 0.7312 at 14.21 ms: 0 3 1".
std::string summary(int number, std::span<const Candidate> candidates, const Candidate& best) {
  std::vector<std::string> counts;
  for (const Origin origin :
       {Origin::kMutation, Origin::kCrossover, Origin::kRandom, Origin::kFastest}) {
    const auto count = std::count_if(candidates.begin(), candidates.end(),
                                     [&](const Candidate& c) { return c.origin == origin; });
    if (count > 0) counts.push_back(fmt::format("{} {}", count, to_string(origin)));
  }
  return fmt::format("generation {}: {} new ({}), best {}", number, candidates.size(),
                     fmt::join(counts, ", "), text_of(best));
}

class Evolution {
 public:
  Evolution(const EvolutionProblem& problem, const EvolutionOptions& options, std::uint64_t seed,
            const std::string& file)
      : problem_(problem),
        options_(options),
        seed_(seed),
        file_(file),
        fingerprint_(fingerprint_of(problem, options, seed)) {
    if (!file_.empty()) stored_ = read_evolution(file_, fingerprint_);
  }

  EvolutionResult run() {
    for (int number = 0; number < options_.generations; ++number) {
      std::vector<Candidate> planned = plan(number);
      if (planned.empty()) {
        end_without_new(number);
        break;
      }
      if (!score_all(std::move(planned))) {
        result_.end = EvolutionEnd::kInterrupted;
        return std::move(result_);
      }
      report(number);
    }
    if (result_.candidates.size() < stored_.size()) refuse(result_.candidates.size());
    return std::move(result_);
  }

 private:
  const PathSpace& space() const { return problem_.space; }

  /// The candidates of a generation, determined by all earlier ones.
  std::vector<Candidate> plan(int number) {
    std::vector<Candidate> planned;
    if (const std::vector<Path> parents = best_paths(); !parents.empty()) {
      draw(planned, number, Origin::kMutation, options_.mutations, [&](RandomStream& random) {
        return mutated(parents[random.below(parents.size())], space(),
                       options_.mutation_probability, random);
      });
      // A crossover of a path with itself is that path, so it needs two parents.
      const int crossovers = parents.size() > 1 ? options_.crossovers : 0;
      draw(planned, number, Origin::kCrossover, crossovers, [&](RandomStream& random) {
        const std::size_t a = random.below(parents.size());
        const std::size_t b = (a + 1 + random.below(parents.size() - 1)) % parents.size();
        return crossed(parents[a], parents[b], random);
      });
    }
    const int missing = options_.population - static_cast<int>(planned.size());
    draw(planned, number, Origin::kRandom, missing,
         [&](RandomStream& random) { return random_path(space(), random); });
    if (number == 0 && problem_.fastest && static_cast<int>(planned.size()) < options_.population) {
      admit(planned, number, Origin::kFastest, *problem_.fastest);
    }
    return planned;
  }

  template <typename Draw>
  void draw(std::vector<Candidate>& planned, int number, Origin origin, int wanted, Draw path) {
    const std::int64_t max_tries = std::int64_t{options_.max_tries_factor} * wanted;
    for (std::int64_t i = 0; i < max_tries && wanted > 0; ++i) {
      RandomStream random(random_bits(seed_, static_cast<std::uint64_t>(number),
                                      static_cast<std::uint64_t>(origin),
                                      static_cast<std::uint64_t>(i)));
      if (admit(planned, number, origin, path(random))) --wanted;
    }
  }

  /// Adds `path` to the candidates if it is new and feasible.
  bool admit(std::vector<Candidate>& planned, int number, Origin origin, Path path) {
    assert(space().contains(path));
    if (visited_.contains(path)) return false;
    const double ms = space().latency_ms(path);
    std::optional<TimedPath>& fastest = result_.fastest_met;
    if (std::isfinite(ms) && (!fastest || ms < fastest->latency_ms)) fastest = {path, ms};
    if (!space().keeps_limit(ms)) return false;
    visited_.insert(path);
    planned.push_back({std::move(path), ms, 0.0, origin, number});
    return true;
  }

  std::vector<Path> best_paths() const {
    std::vector<Candidate> sorted = result_.candidates;
    const auto num_parents = std::min(sorted.size(), static_cast<std::size_t>(options_.parents));
    std::partial_sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(num_parents),
                      sorted.end(), is_better);
    std::vector<Path> paths;
    for (std::size_t i = 0; i < num_parents; ++i) paths.push_back(std::move(sorted[i].path));
    return paths;
  }

  /// Returns false if it was interrupted.
  bool score_all(std::vector<Candidate> planned) {
    for (Candidate& candidate : planned) {
      const std::size_t index = result_.candidates.size();
      const bool is_stored = index < stored_.size();
      if (is_stored) {
        candidate.score = stored_[index].score;
        if (candidate != stored_[index]) refuse(index);
      } else {
        if (problem_.is_interrupted && problem_.is_interrupted()) return false;
        candidate.score = score_of(candidate.path);
      }
      if (!result_.best || is_better(candidate, *result_.best)) result_.best = candidate;
      result_.candidates.push_back(std::move(candidate));
      if (!is_stored && !file_.empty()) write_evolution(file_, fingerprint_, result_.candidates);
    }
    return true;
  }

  double score_of(const Path& path) const {
    const double score = problem_.score(path);
    if (!std::isfinite(score)) {
      throw InputError(fmt::format("the score of path {} is {}: the weights have diverged",
                                   text_of(path), score));
    }
    return score;
  }

  void report(int number) {
    const auto& all = result_.candidates;
    const auto begin = std::find_if(all.begin(), all.end(),
                                    [&](const Candidate& c) { return c.generation == number; });
    const std::span<const Candidate> candidates(begin, all.end());
    result_.log.push_back(summary(number, candidates, *result_.best));
    if (problem_.on_generation)
      problem_.on_generation({number, candidates, *result_.best, result_.log.back()});
  }

  void end_without_new(int number) {
    if (result_.best) {
      result_.log.push_back(
          fmt::format("generation {}: no new path within {:.4g} ms after {} candidates; finished",
                      number, space().limit_ms, result_.candidates.size()));
      return;
    }
    result_.end = EvolutionEnd::kInfeasible;
    result_.log.push_back(fmt::format(
        "no path within {:.4g} ms found; the fastest one evaluated {}", space().limit_ms,
        result_.fastest_met ? fmt::format("takes {:.4g} ms: {}", result_.fastest_met->latency_ms,
                                          text_of(result_.fastest_met->path))
                            : "does not fit the machine"));
  }

  [[noreturn]] void refuse(std::size_t index) const {
    throw InputError(fmt::format(
        "{}: candidate {} does not match its settings: latencies or scores are of another model; "
        "use another --out, or --force, or an empty directory",
        file_, index + 1));
  }

  const EvolutionProblem& problem_;
  const EvolutionOptions& options_;
  std::uint64_t seed_;
  std::string file_;
  std::string fingerprint_;
  std::vector<Candidate> stored_;
  std::set<Path> visited_;
  EvolutionResult result_;
};

}  // namespace

EvolutionResult evolve(const EvolutionProblem& problem, const EvolutionOptions& options,
                       std::uint64_t seed, const std::string& file) {
  assert(options.population > 0 && options.parents > 0 && options.max_tries_factor > 0);
  assert(!problem.fastest || problem.space.contains(*problem.fastest));
  return Evolution(problem, options, seed, file).run();
}

}  // namespace tilewake
