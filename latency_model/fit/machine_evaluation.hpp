// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "latency_model/fit/machine_fit.hpp"
#include "latency_model/fit/measured_errors.hpp"
#include "latency_model/fit/measured_table.hpp"
#include "simulator/api/inputs.hpp"

namespace tilewake {

/// The layers of one operator in the networks of a table.
struct OperatorShare {
  std::string op;
  double share = 0.0;  // of the simulated time, mean over the networks
  /// By which the time of these layers is multiplied so that the networks are nearest to their
  /// measured latencies; 1 where the data do not say.
  double factor = 1.0;
};

/// A machine, compared with measured latencies.
struct MachineEvaluation {
  Machine machine;
  std::vector<double> simulated_ms;  // of each row
  MeasuredErrors errors;
  std::vector<OperatorShare> operators;   // that take time, the largest share first
  std::vector<BaselineErrors> baselines;  // fitted to the same rows
  std::string no_better_than;  // the simplest of them that the machine does not beat; else empty
  std::string verdict;         // the same in words
};

/// Simulates the networks of `table` on `machine`. Throws InputError `file:line: ...` for a network
/// that the machine cannot hold, Interrupted.
///   @param num_jobs    processes at a time; 0: one per core
///   @param keep_going  called after each network; false ends the work
MachineEvaluation evaluate_machine(const Machine& machine, const MeasuredTable& table,
                                   std::size_t num_jobs = 0,
                                   const std::function<bool(int done, int total)>& keep_going = {});

}  // namespace tilewake
