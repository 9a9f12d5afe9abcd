// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nas/evolution/candidate.hpp"
#include "nas/evolution/path_space.hpp"

namespace tilewake {

/// Defaults: Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling",
/// arXiv:1904.00420, and its released search code.
struct EvolutionOptions {
  int population = 50;  // candidates a generation, at least 1
  int parents = 10;     // the best so far, at least 1
  int mutations = 25;   // of each generation but the first
  int crossovers = 25;
  int generations = 20;               // the first, random one included
  double mutation_probability = 0.1;  // of each free position
  int max_tries_factor = 10;          // draws an operator has for each candidate that it is to find
};

/// A generation all of whose candidates are scored.
struct Generation {
  int number = 0;  // from 0
  std::span<const Candidate> candidates;
  const Candidate& best;  // of this generation and those before
  std::string text;       // a line for people
};

struct EvolutionProblem {
  PathSpace space;
  /// What `latency_ms` and `score` follow from: machine, weights, data. A file of an evolution with
  /// another one is refused.
  std::string fingerprint;
  /// Each candidate is scored once; the order must not matter to the score, which must be finite.
  std::function<double(const Path& path)> score;
  /// A path of the space that is known to be fast: tried where random draws do not fill the first
  /// generation, as under a limit that hardly any path keeps.
  std::optional<Path> fastest;
  std::function<bool()> is_interrupted;  // asked before each score; none: never
  /// Of a resumed evolution also for the generations that it finds in its file.
  std::function<void(const Generation& generation)> on_generation;
};

enum class EvolutionEnd {
  kComplete,     // all generations, or those until no new candidate was found
  kInterrupted,  // the next call goes on from here
  kInfeasible    // no path that was tried keeps to the limit
};

/// A path whose latency was asked for, and that latency.
struct TimedPath {
  Path path;
  double latency_ms = 0.0;
};

struct EvolutionResult {
  EvolutionEnd end = EvolutionEnd::kComplete;
  std::optional<Candidate> best;         // none where none is scored
  std::vector<Candidate> candidates;     // all that are scored, in this order
  std::optional<TimedPath> fastest_met;  // feasible or not; none where none fits the machine
  std::vector<std::string> log;          // for decisions.log: a line a generation, and why it ended
};

/// Searches for the path with the highest score within the limit, as SPOS does.
///
/// The first generation is random. In each other one the best `parents` of all candidates so far
/// have `mutations` children by `mutated` and `crossovers` by `crossed` (of two different
/// parents), and random paths fill it up to `population`. Every candidate keeps the limit and has
/// not been a candidate before; an operator that does not find enough such paths in
/// `max_tries_factor` times as many draws goes without. A generation in which nothing is found ends
/// the evolution: so does, in a small space, every feasible path having been scored.
///
/// `file`, unless empty, holds all candidates after each score, and a call that finds it goes on
/// from there: interrupted or not, the result and the file are the same. Every draw follows
/// from seed, generation, operator and try alone, so the generations in the file are planned again,
/// which asks for latencies but not for scores, and must give the candidates that it holds.
///
/// Throws InputError where the file is damaged, of other settings, or does not follow from the
/// latencies of now, and where a score is not finite. What `score` throws goes through; what was
/// scored before is in the file.
EvolutionResult evolve(const EvolutionProblem& problem, const EvolutionOptions& options,
                       std::uint64_t seed, const std::string& file = {});

}  // namespace tilewake
