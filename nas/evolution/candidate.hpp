// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "nas/evolution/path_space.hpp"

namespace tilewake {

/// How a candidate was created.
enum class Origin { kRandom, kMutation, kCrossover, kFastest };

/// "random", "mutation", "crossover", "fastest".
std::string_view to_string(Origin origin);

/// A feasible path with its score.
struct Candidate {
  Path path;
  double latency_ms = 0.0;
  double score = 0.0;  // higher is better; an accuracy
  Origin origin = Origin::kRandom;
  int generation = 0;  // from 0

  friend bool operator==(const Candidate&, const Candidate&) = default;
};

/// Strict order of candidates with different paths: higher score, then lower latency, then the
/// lexicographically smaller path.
bool is_better(const Candidate& a, const Candidate& b);

}  // namespace tilewake
