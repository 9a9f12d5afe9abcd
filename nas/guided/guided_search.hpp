// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nas/evolution/path_space.hpp"

namespace tilewake {

struct GuidedOptions {
  int trainings = 32;       // in all
  int initial = 16;         // of these, before the first fit; at least 2
  int batch = 4;            // trainings between two fits
  int explored = 1;         // of each batch, drawn from the best `explored_best`
  int explored_best = 20;   // predictions, instead of taken in their order
  double near_limit = 0.9;  // the initial ones take at least this share of the limit
};

struct GuidedProblem {
  PathSpace space;
  /// What the accuracy is predicted from: as many numbers for every path, on any scale. Constant
  /// ones have no effect.
  std::function<std::vector<double>(const Path& path)> features;
  /// The same path of the space for all paths of one network; empty: no two paths have the same
  /// network.
  std::function<Path(const Path& path)> network_path;
  /// Trains a network and returns its accuracy, which must be finite. None: it turns out to exceed
  /// the limit, and was not trained.
  ///   @param predicted  its accuracy by the last fit; none for the initial ones
  std::function<std::optional<double>(const Path& path, std::optional<double> predicted)> train;
};

struct TrainedPath {
  Path path;
  double latency_ms = 0.0;
  double accuracy = 0.0;
  std::optional<double> predicted;  // before its training; none for initial ones
  int round = 0;

  friend bool operator==(const TrainedPath&, const TrainedPath&) = default;
};

struct GuidedResult {
  std::vector<TrainedPath> trained;  // in order
  std::size_t best = 0;              // the most accurate one; of equal ones the fastest
  std::vector<std::string> log;      // a line per round
};

/// Searches for the path of the highest accuracy within the limit with few trainings. A first
/// design of diverse networks near the limit is trained; then a ridge regression on the features of
/// all trained networks predicts the others, the best predicted ones are trained, and so on until
/// `trainings` are spent or all networks within the limit were trained. Networks beyond the limit
/// are never trained. Deterministic for a seed. README.md has the formulas.
///
/// Spaces of at most 20,000 paths are evaluated completely, larger ones by random draws and, for
/// proposals, by an evolution on the predicted accuracy.
///
/// Returns no trained paths if no path within the limit was found.
GuidedResult guided_search(const GuidedProblem& problem, const GuidedOptions& options,
                           std::uint64_t seed);

}  // namespace tilewake
