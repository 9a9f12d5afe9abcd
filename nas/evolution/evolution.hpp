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
  int population = 50;  // candidates per generation, at least 1
  int parents = 10;     // the best so far, at least 1
  int mutations = 25;   // per generation, except the first
  int crossovers = 25;
  int generations = 20;               // including the first, random one
  double mutation_probability = 0.1;  // per free position
  int max_tries_factor = 10;          // draws of an operator per candidate that it must find
};

/// A generation whose candidates all have scores.
struct Generation {
  int number = 0;  // from 0
  std::span<const Candidate> candidates;
  const Candidate& best;  // of this and all earlier generations
  std::string text;       // one line of text
};

struct EvolutionProblem {
  PathSpace space;
  /// Identifies the origin of `latency_ms` and `score`: machine, weights, data. A file with another
  /// fingerprint is rejected.
  std::string fingerprint;
  /// Each candidate is scored once. The score must be finite and independent of the order.
  std::function<double(const Path& path)> score;
  /// A path of the space known to be fast. It is tried if random draws do not fill the first
  /// generation, as under a tight limit.
  std::optional<Path> fastest;
  std::function<bool()> is_interrupted;  // checked before each score; empty: never interrupted
  /// In a resumed evolution also called for the generations read from the file.
  std::function<void(const Generation& generation)> on_generation;
};

enum class EvolutionEnd {
  kComplete,     // all generations, or until no new candidate was found
  kInterrupted,  // the next call resumes from here
  kInfeasible    // no path within the limit was found
};

/// A path and its latency.
struct TimedPath {
  Path path;
  double latency_ms = 0.0;
};

struct EvolutionResult {
  EvolutionEnd end = EvolutionEnd::kComplete;
  std::optional<Candidate> best;         // empty if no path was scored
  std::vector<Candidate> candidates;     // all scored candidates, in order
  std::optional<TimedPath> fastest_met;  // feasible or not; empty if none fits the machine
  std::vector<std::string> log;          // for decisions.log: a line per generation, and the end
};

/// Searches for the path with the highest score within the limit, as in SPOS.
///
/// The first generation is random. In each later one, the best `parents` of all candidates so far
/// produce `mutations` children by `mutated` and `crossovers` by `crossed` (of two different
/// parents), and random paths fill it up to `population`. Every candidate is within the limit and
/// new. An operator stops after `max_tries_factor` draws per candidate, even if it found fewer. The
/// evolution ends at a generation without new candidates, for example when all feasible paths of a
/// small space were scored.
///
/// `file`, unless empty, contains all candidates after each score. A call with an existing file
/// resumes from it: result and file are independent of interruptions. Every draw depends only on
/// seed, generation, operator and try, so the generations of the file are planned again, which
/// evaluates latencies but not scores, and must match the candidates of the file.
///
/// Throws InputError if the file is damaged, of other settings or inconsistent with the current
/// latencies, or if a score is not finite. Exceptions of `score` propagate; earlier scores are in
/// the file.
EvolutionResult evolve(const EvolutionProblem& problem, const EvolutionOptions& options,
                       std::uint64_t seed, const std::string& file = {});

}  // namespace tilewake
