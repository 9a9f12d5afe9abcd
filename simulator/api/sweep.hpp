// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "simulator/api/inputs.hpp"
#include "simulator/api/shard.hpp"
#include "simulator/api/sweep_plan.hpp"
#include "simulator/common/error.hpp"
#include "simulator/mapping/step_budget.hpp"
#include "simulator/trace/summary.hpp"

namespace tilewake {

class WorkerPool;

/// The input that a name stands for, or why it cannot be read.
template <typename T>
struct SweepInput {
  std::optional<T> value;
  std::string error;
};

/// The result of a point.
struct SweepResult {
  /// Null if it failed. On the heap, so that points that are not done yet take no memory: the more
  /// there is, the longer it takes to start a process.
  std::unique_ptr<const Summary> summary;
  ExitCode code = ExitCode::kOk;  // with which `simulate` of the point would end
  std::string error;
};

struct SweepOptions {
  std::size_t num_jobs = 0;  // processes at a time; 0: as many as there are cores
  MappingOptions mapping;    // bounds of the work on one point
  Shard shard;               // the others' points get no result
  /// A result that is known from before, or null. By machine_id() and the hash (fnv1a64) of the
  /// network's file.
  std::function<const Summary*(const std::string& machine, std::uint64_t network_hash)> find;
  /// Receives each simulated point as soon as it is done.
  std::function<void(const Summary& point)> on_simulated;
  /// Called between points and five times a second, with how many of the plan are done. After false
  /// no point begins, and run() returns when those under way have ended.
  std::function<bool(std::int64_t done)> keep_going;
};

/// The simulations of a plan, each in a forked process: a point that crashes or runs out of memory
/// fails alone. An input that cannot be read, or a network that does not fit, fails its points and
/// no other.
///
///   tilewake::Sweep sweep({{"midap"}, {"resnet50"}, {{"dram.num_channels", {"1", "2"}}}});
///   sweep.run();
///   sweep.results()[1].summary->latency_ms;  // of sweep.plan().point(1)
///
/// Fork rules apply: the calling process should have one thread.
class Sweep {
 public:
  /// Reads every file once.
  ///   @param batch  images of one inference, in place of those of the files
  ///   @param model  sizes, and how much is read, of ONNX and TensorFlow Lite models
  explicit Sweep(const SweepPlan& plan, std::optional<std::int64_t> batch = std::nullopt,
                 const ModelOptions& model = {});

  /// The same with inputs that are in memory: one for each name of the plan, in its order. The
  /// names are labels then.
  Sweep(SweepPlan plan, std::vector<SweepInput<InputFile>> machines,
        std::vector<SweepInput<Workload>> workloads);

  /// Simulates what `options.find` does not know. Throws IoError if the system starts no process.
  void run(const SweepOptions& options = {});

  const SweepPlan& plan() const { return plan_; }
  const std::vector<SweepInput<InputFile>>& machines() const { return machines_; }
  const std::vector<SweepInput<Workload>>& workloads() const { return workloads_; }

  /// Whether every point has a result.
  bool is_complete() const { return num_done_ == plan_.size(); }
  /// By the number of the point; of a sweep that is complete.
  const std::vector<SweepResult>& results() const { return results_; }
  std::int64_t num_done() const { return num_done_; }
  std::int64_t num_found() const { return num_found_; }  // of those: by `find`
  std::int64_t num_failed() const { return num_failed_; }

 private:
  /// Finds the point among the known ones, or starts its process.
  void begin(std::int64_t index, WorkerPool& pool, const SweepOptions& options);
  void wait(WorkerPool& pool, const SweepOptions& options);
  void set(std::int64_t index, SweepResult result);
  bool keep_going(const SweepOptions& options) const;

  SweepPlan plan_;
  std::vector<SweepInput<InputFile>> machines_;
  std::vector<SweepInput<Workload>> workloads_;
  std::vector<SweepResult> results_;
  std::int64_t num_done_ = 0;
  std::int64_t num_found_ = 0;
  std::int64_t num_failed_ = 0;
};

}  // namespace tilewake
