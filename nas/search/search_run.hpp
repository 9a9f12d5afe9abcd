// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nas/search/host.hpp"
#include "nas/search/run_config.hpp"
#include "nas/search/step_record.hpp"
#include "nas/space/depth_design.hpp"

namespace tilewake {

/// What a run came to for one of its targets.
struct TargetResult {
  double target_ms = 0.0;
  std::string directory;
  std::vector<StepRecord> steps;   // that were done, in order: search, scale, ...
  std::vector<StepRecord> random;  // networks to compare with
  std::optional<StepRecord> correlation;
};

struct SearchResult {
  SearchSpace space;  // with depths
  std::vector<TargetResult> targets;
};

/// Throws InputError where images or classes of the data are not those of the space, or where they
/// are fewer than a batch of a phase.
void check_data_fits(const RunConfig& config);

/// Runs the search up to `last`, all targets from one supergraph: what is in config.directory
/// already is gone on with. One target's files are in the directory itself, several targets' in
/// "target-0.1ms" each.
///
/// Throws Interrupted, TargetMissed, or InputError (data that do not fit the space, records of
/// another run, a limit far beyond the networks of the space).
SearchResult run_search(const RunConfig& config, const Host& host, Step last);

/// Directory of a target's results.
std::string target_directory(const RunConfig& config, double target_ms);

}  // namespace tilewake
