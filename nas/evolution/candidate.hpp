// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "nas/evolution/path_space.hpp"

namespace tilewake {

/// How a candidate came about.
enum class Origin { kRandom, kMutation, kCrossover, kFastest };

/// "random", "mutation", "crossover", "fastest".
std::string_view to_string(Origin origin);

/// A feasible path that was scored.
struct Candidate {
  Path path;
  double latency_ms = 0.0;
  double score = 0.0;  // more is better; an accuracy
  Origin origin = Origin::kRandom;
  int generation = 0;  // from 0

  friend bool operator==(const Candidate&, const Candidate&) = default;
};

/// A strict order of candidates with different paths: the higher score, then the lower latency,
/// then the path that comes first.
bool is_better(const Candidate& a, const Candidate& b);

}  // namespace tilewake
