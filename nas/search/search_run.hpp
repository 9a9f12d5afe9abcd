// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nas/search/run_context.hpp"
#include "nas/search/step_record.hpp"

namespace tilewake {

/// The result of a run for one of its targets.
struct TargetResult {
  std::optional<double> target_ms;  // limits
  std::optional<double> target_mj;
  std::string limits;  // all of them in words
  std::string directory;
  std::vector<StepRecord> steps;   // that were done, in order: search, scale, ...
  std::vector<StepRecord> random;  // networks for comparison
  std::optional<StepRecord> correlation;
};

/// Accuracies of a winner that was trained several times, 0..1, by training.
struct TrainingSpread {
  std::vector<double> validation_accuracies;
  std::vector<double> test_accuracies;
};

/// None before the evaluation, and for a single training.
std::optional<TrainingSpread> training_spread(const TargetResult& target);

struct SearchResult {
  SearchSpace space;  // with depths; where the supernet is sized, that of the last target
  std::vector<TargetResult> targets;
  DeviceConfig measured_device;  // RunContext::measured_device
};

/// The steps that differ between methods; all methods share the others.
struct MethodSteps {
  StepRecord design;  // done; it has no network and no file
  /// Finds a network for a target: step "search".
  std::function<StepRecord(const Target& target)> find;
  /// Trains random network number `index` of the same space for comparison. Empty where the method
  /// has no space.
  std::function<StepRecord(const Target& target, int index)> random;
  /// Rank correlation of the supernet with short training; empty without --correlate.
  std::function<StepRecord(const Target& target)> correlate;
};

/// Throws InputError where images or classes of the data are not those of the space, where there
/// are fewer images than a batch of a phase has, or where the method cannot use the recipe.
void check_data_fits(const RunContext& run);

/// Runs the search up to `last`, for all targets. Steps whose files are in the directory of the run
/// are not repeated.
///
/// Throws Interrupted, TargetMissed, TrainingError, or InputError (data that do not fit the space,
/// files of a run with other settings, a limit far beyond the networks of the space).
SearchResult run_search(RunContext run, Step last);

}  // namespace tilewake
