// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "simulator/cli/inputs.hpp"
#include "simulator/cli/progress.hpp"
#include "simulator/cli/sweep_journal.hpp"
#include "simulator/cli/sweep_plan.hpp"
#include "simulator/cli/worker_pool.hpp"
#include "simulator/common/error.hpp"
#include "simulator/trace/summary.hpp"

namespace tilewake {

/// What a name on the command line stands for, or why it stands for nothing.
template <typename T>
struct SweepInput {
  std::optional<T> value;
  std::string error;
};

/// What a point came to.
struct SweepResult {
  /// Null if it failed. On the heap, for what is not done yet takes no memory: the more there is,
  /// the longer it takes to start a process.
  std::unique_ptr<const Summary> summary;
  ExitCode code = ExitCode::kOk;  // with which `simulate` of the point would end
  std::string error;
};

/// The simulations of a plan, each in a process of its own. What cannot be read or simulated fails
/// its points and no other.
class Sweep {
 public:
  /// Reads every file once.
  explicit Sweep(const SweepPlan& plan);

  /// Runs what is not in `journal` (null: everything). The first interrupt lets the points at hand
  /// end and no other begin.
  ///   @param num_jobs  processes at a time
  ///   @param options  bounds of the work on one point
  void run(std::size_t num_jobs, SweepJournal* journal, const MappingOptions& options);

  const SweepPlan& plan() const { return plan_; }
  const std::vector<SweepInput<InputFile>>& machines() const { return machines_; }
  const std::vector<SweepInput<Model>>& models() const { return models_; }

  /// Whether every point has a result.
  bool is_complete() const { return num_done_ == plan_.size(); }
  /// By the number of the point; of a sweep that is complete.
  const std::vector<SweepResult>& results() const { return results_; }
  std::int64_t num_done() const { return num_done_; }
  std::int64_t num_found() const { return num_found_; }  // of those: in the journal
  std::int64_t num_failed() const { return num_failed_; }

 private:
  /// Finds the point in the journal, or has a worker simulate it.
  void begin(std::int64_t index, WorkerPool& pool, SweepJournal* journal);
  void wait(WorkerPool& pool, SweepJournal* journal);
  void set(std::int64_t index, SweepResult result);

  const SweepPlan& plan_;
  std::vector<SweepInput<InputFile>> machines_;
  std::vector<SweepInput<Model>> models_;
  std::vector<SweepResult> results_;
  MappingOptions options_;
  std::optional<Progress> progress_;  // while it runs
  std::int64_t num_done_ = 0;
  std::int64_t num_found_ = 0;
  std::int64_t num_failed_ = 0;
};

}  // namespace tilewake
