// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace tilewake {

struct ScalesimMachine {
  std::string yaml;
  std::vector<std::string> warnings;  // of keys that are not read
};

/// A machine file (YAML, kind systolic, with comments) for a configuration of SCALE-Sim.
///
/// Read are ArrayHeight, ArrayWidth, Dataflow, the three SRAM sizes (in KiB), run_name, and, where
/// InterfaceBandwidth is USER, Bandwidth. Keys that change no cycles here are passed over, those
/// that are not known with a warning; what switches on sparsity, layouts or Ramulator is refused.
/// What SCALE-Sim does not say is chosen so that compute cycles follow its formula: folds do not
/// overlap, ports never limit the array, depthwise layers run on the array. Without a bandwidth,
/// DRAM is ideal.
///
///   @param path  of the text, for errors
/// Throws InputError "PATH:LINE: KEY: message".
ScalesimMachine machine_of_scalesim_cfg(const std::string& text, const std::string& path);

}  // namespace tilewake
