// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "simulator/api/inputs.hpp"
#include "simulator/api/sweep.hpp"

namespace tilewake {

/// Contents of run.yaml other than the inputs.
struct RunRecord {
  std::vector<std::string> command_line;  // "tilewake simulate ..."
  std::vector<std::string> files;         // written beside run.yaml
  double wall_seconds = 0.0;              // of the run, without writing the files
  double cpu_seconds = 0.0;
};

/// The text of run.yaml: version, command, inputs, time and duration, and every value of the
/// machine. It is the only file of a run that differs when the run is repeated.
std::string run_yaml(const RunRecord& record, const Machine& machine, const Workload& workload);

/// The same for a sweep: its files, the values of --set, the number of points and of failed points.
std::string sweep_run_yaml(const RunRecord& record, const Sweep& sweep);

/// The same for variants of one machine with several networks.
///   @param varied  keys and their values; may be empty
std::string points_run_yaml(const RunRecord& record, const Machine& machine,
                            const std::vector<Workload>& workloads,
                            const std::vector<Setting>& varied);

}  // namespace tilewake
