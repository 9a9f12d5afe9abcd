// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "latency_model/fit/measured_table.hpp"
#include "simulator/hardware/hardware_config.hpp"

namespace tilewake {

/// Latencies of the rows of a table on a machine, simulated by the engine in several processes.
/// Results are remembered: the same machine and row are not simulated twice.
class RowSimulator {
 public:
  /// A machine, and the rows to simulate on it.
  struct Request {
    HardwareConfig machine;
    std::vector<std::size_t> rows;
  };
  /// Latencies in ms, one per row of the table; NaN where it was not requested, or infinite if the
  /// machine cannot hold the network.
  using Latencies = std::vector<double>;

  /// Called with the id of a machine and its new latencies, before simulate() returns.
  using OnSimulated = std::function<void(const std::string& machine, const Latencies& latencies)>;

  /// The table must outlive this object.
  ///   @param num_jobs  processes at a time; 0: one per core
  RowSimulator(const MeasuredTable& table, std::size_t num_jobs, OnSimulated on_simulated = {});

  /// Adds results of an earlier run.
  void remember(const std::string& machine, const Latencies& latencies);

  /// One element per request. Throws SimulationError if a process fails.
  ///   @param keep_going  called while processes run; when it returns false, Interrupted is thrown
  std::vector<Latencies> simulate(const std::vector<Request>& requests,
                                  const std::function<bool()>& keep_going = {});

  std::size_t num_simulated() const { return num_simulated_; }  // networks

 private:
  const MeasuredTable& table_;
  std::size_t num_jobs_;
  OnSimulated on_simulated_;
  std::map<std::string, Latencies> known_;  // by the id of the machine
  std::vector<double> costs_;               // of each row, relative
  std::size_t num_simulated_ = 0;
};

}  // namespace tilewake
