// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "simulator/api/inputs.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/yaml_override.hpp"
#include "simulator/mapping/step_budget.hpp"
#include "simulator/trace/summary.hpp"

namespace tilewake {

/// The result of a point: one machine with every network.
struct PointResult {
  std::vector<Summary> networks;        // in the order of the workloads; empty if it failed
  std::int64_t on_chip_bytes = 0;       // of the machine
  ExitCode code = ExitCode::kInternal;  // with which `simulate` of the point would end
  std::string error;

  bool is_ok() const { return code == ExitCode::kOk; }
};

struct PointRunnerOptions {
  std::size_t num_jobs = 0;  // processes at a time; 0: as many as there are cores
  MappingOptions mapping;    // bounds of the work on one network
  /// A result that is known from before, or null; as SweepOptions::find.
  std::function<const Summary*(const std::string& machine, std::uint64_t network_hash)> find;
  /// Receives each network of a simulated point as soon as its process is done.
  std::function<void(const Summary& network)> on_simulated;
  /// Called a few times a second with the number of points that are done since the runner was
  /// made. After false no work begins, and run() returns when the work under way has ended.
  std::function<bool(std::int64_t done)> keep_going;
};

/// Simulates variants of one machine with the same networks, many in each forked process. Every
/// point gives the figures of a simulation alone. If a process ends early, each of its points is
/// repeated in a separate process, so that a point that crashes fails alone.
///
/// Fork rules apply: the calling process should have one thread.
class PointRunner {
 public:
  using Settings = std::vector<YamlOverride>;

  ///   @param machine    whose text is read with the settings of a point
  ///   @param workloads  at least one
  PointRunner(InputFile machine, std::vector<Workload> workloads, PointRunnerOptions options);

  /// The results in the order of `points`; none of those that were not simulated because
  /// `keep_going` ended the work. Throws IoError if the system starts no process.
  std::vector<std::optional<PointResult>> run(const std::vector<Settings>& points);

  const std::vector<Workload>& workloads() const { return workloads_; }
  std::int64_t num_found() const { return num_found_; }          // by `find`
  std::int64_t num_simulated() const { return num_simulated_; }  // in processes

 private:
  std::optional<PointResult> find(const Settings& settings) const;
  std::string work_on(const std::vector<const Settings*>& points) const;
  void simulate_all(const std::vector<Settings>& points, const std::vector<std::size_t>& indices,
                    std::vector<std::optional<PointResult>>& results);
  std::size_t chunk_size(std::size_t num_points, std::size_t num_jobs) const;
  bool keep_going() const { return !options_.keep_going || options_.keep_going(num_done_); }

  InputFile machine_;
  std::vector<Workload> workloads_;
  PointRunnerOptions options_;
  std::int64_t num_done_ = 0;
  std::int64_t num_found_ = 0;
  std::int64_t num_simulated_ = 0;
  double seconds_per_point_ = 0.0;  // of a process, measured; 0: not known yet
};

}  // namespace tilewake
