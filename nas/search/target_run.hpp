// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "nas/search/search_run.hpp"
#include "nas/search/target_context.hpp"

namespace tilewake {

/// What all training of a run writes to, and what it is validated on.
struct RunContext {
  RunContext(const RunConfig& config, const Host& host)
      : metrics(config.directory),
        costs(config.directory),
        training{config, host,
                 split_train(*config.data.train, config.recipe.validation_share, config.seed),
                 &metrics, &costs} {}
  RunContext(const RunContext&) = delete;  // `training` points into it
  RunContext& operator=(const RunContext&) = delete;

  MetricsLog metrics;
  CostLog costs;
  TrainingContext training;
};

/// In what the methods differ; what follows is the same for all.
struct MethodSteps {
  /// Finds a network.
  std::function<StepRecord(const TargetContext& context)> find;
  /// Scaled to the limit in several directions, the best by short training; else only what it
  /// leaves of the limit is filled.
  bool scales = false;
  bool postprocesses = false;
  /// Random network number `index` of the same space, of that latency at most, trained like the
  /// winner; empty where there is no space.
  std::function<StepRecord(const TargetContext& context, double latency_ms, int index)> random;
  /// How well the supernet orders networks; empty where that was not asked for.
  std::function<StepRecord(const TargetContext& context)> correlate;
};

/// Throws InputError for a limit that scaling and filling would make networks for that no space was
/// made for, and that fit no memory: more than 8 times what `largest` of `name` takes.
void check_sensible(const std::string& name, const Architecture& largest, const Host& host,
                    double target_ms);

/// The steps towards one target, up to `last`.
///   @param fingerprint  of everything before
TargetResult run_target(const TrainingContext& training, const StepRecord& design, double target_ms,
                        const std::string& fingerprint, const MethodSteps& steps, Step last);

}  // namespace tilewake
