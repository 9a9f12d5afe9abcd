// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "latency_model/calibration_set.hpp"
#include "latency_model/latency_model.hpp"
#include "nas/cli/distributed_run.hpp"
#include "nas/cli/nas_options.hpp"
#include "nas/cli/search_report.hpp"
#include "nas/search/search_run.hpp"
#include "simulator/api/inputs.hpp"
#include "simulator/api/simulation.hpp"

namespace tilewake {

/// The machine of --hw and its simulator, for all searches of a process.
class SearchSession {
 public:
  /// Reads the machine and sets the number of threads. Throws InputError.
  ///   @param distributed  outlives the session; null: no run is distributed
  explicit SearchSession(const NasOptions& options, const DistributedRun* distributed = nullptr);

  const Machine& machine() const { return machine_; }

  /// Reads all inputs of a run and checks that they fit together; writes nothing. Throws
  /// UsageError, InputError.
  SearchRequest request(const NasOptions& options, const std::string& command,
                        const Arguments& arguments);

  /// Throws InputError where the machine cannot hold the network.
  NetworkCosts simulated(const Network& network);
  double simulated_ms(const Network& network) { return simulated(network).ms; }

  /// Runs the search in the directory of --out, up to `last`. A run that is there is continued or
  /// replaced, depending on the options. Throws Interrupted, TargetMissed, InputError.
  SearchResult run(const SearchRequest& request, Step last);

  /// A latency model calibrated now; none after an interrupt.
  std::optional<LatencyModel> calibrate(std::uint64_t seed,
                                        int num_networks = CalibrationSet::kDefaultSize);

 private:
  /// The given model, or one that is calibrated now, by rank 0; none after an interrupt.
  std::optional<LatencyModel> model_of(const NasOptions& options,
                                       std::optional<LatencyModel> given);
  Ranks* ranks() const { return distributed_ == nullptr ? nullptr : distributed_->ranks(); }

  const DistributedRun* distributed_;
  Machine machine_;
  int num_loader_threads_ = 1;
  NetworkSimulator simulator_;
};

/// Reads a latency model. Throws InputError for that of another machine.
LatencyModel read_model_of(const Machine& machine, const std::string& path);

/// Prints the missed limit and writes the fastest network to `directory`.
ExitCode report_miss(const TargetMissed& missed, const std::string& directory);

}  // namespace tilewake
