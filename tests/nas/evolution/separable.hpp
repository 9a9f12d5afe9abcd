// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "nas/evolution/candidate.hpp"
#include "nas/evolution/evolution.hpp"
#include "tests/support/random.hpp"

namespace tilewake {

/// Scores and latencies that are sums over the positions, drawn so that what scores more tends to
/// take longer.
class Separable {
 public:
  Separable(std::vector<int> num_choices, std::uint64_t seed)
      : num_choices_(std::move(num_choices)) {
    Random random(seed);
    for (const int n : num_choices_) {
      std::vector<double>& ms = ms_.emplace_back();
      std::vector<double>& gain = gain_.emplace_back();
      for (int i = 0; i < n; ++i) {
        ms.push_back(static_cast<double>(random.between(1, 64)) / 64.0);
        gain.push_back(ms.back() + static_cast<double>(random.between(0, 64)) / 64.0);
      }
    }
  }

  double ms(const Path& path) const { return sum(ms_, path); }
  double score(const Path& path) const { return sum(gain_, path); }

  /// Halfway between the fastest and the slowest path, or another share of the way.
  double limit(double share = 0.5) const {
    double low = 0.0;
    double high = 0.0;
    for (const std::vector<double>& ms : ms_) {
      low += *std::min_element(ms.begin(), ms.end());
      high += *std::max_element(ms.begin(), ms.end());
    }
    return low + share * (high - low);
  }

  /// Refers to this object.
  EvolutionProblem problem(double share = 0.5) const {
    EvolutionProblem problem;
    problem.space.num_choices = num_choices_;
    problem.space.latency_ms = [this](const Path& path) { return ms(path); };
    problem.space.limit_ms = limit(share);
    problem.score = [this](const Path& path) { return score(path); };
    problem.fingerprint = "separable";
    return problem;
  }

  std::vector<Path> all_paths() const {
    std::vector<Path> paths = {{}};
    for (const int n : num_choices_) {
      std::vector<Path> longer;
      for (const Path& path : paths)
        for (int i = 0; i < n; ++i) {
          longer.push_back(path);
          longer.back().push_back(i);
        }
      paths = std::move(longer);
    }
    return paths;
  }

  std::vector<Path> feasible_paths(double share = 0.5) const {
    std::vector<Path> paths = all_paths();
    paths.erase(std::remove_if(paths.begin(), paths.end(),
                               [&](const Path& path) { return ms(path) > limit(share); }),
                paths.end());
    return paths;
  }

  /// By looking at all paths; there must be a feasible one.
  Candidate optimum(double share = 0.5) const {
    std::optional<Candidate> best;
    for (const Path& path : feasible_paths(share)) {
      const Candidate candidate{path, ms(path), score(path)};
      if (!best || is_better(candidate, *best)) best = candidate;
    }
    return best.value();
  }

 private:
  // 64ths add up without rounding, so that ties are ties.
  static double sum(const std::vector<std::vector<double>>& table, const Path& path) {
    double total = 0.0;
    for (std::size_t i = 0; i < path.size(); ++i)
      total += table[i][static_cast<std::size_t>(path[i])];
    return total;
  }

  std::vector<int> num_choices_;
  std::vector<std::vector<double>> ms_;
  std::vector<std::vector<double>> gain_;
};

}  // namespace tilewake
