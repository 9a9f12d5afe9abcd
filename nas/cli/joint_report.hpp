// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "nas/cli/joint_search.hpp"

namespace tilewake {

/// What the settings change in the machine of --hw: "core.rows=16 core.cols=64", or its name.
std::string machine_text(const JointResult& result, const std::vector<YamlOverride>& settings);

/// The best network against that of the machine of --hw, the runs, and the front: of each network
/// its own machine and those of least latency, energy and area.
std::string joint_table(const JointResult& result, const std::string& directory);

/// summary.json, which is also printed: the runs and the front. It has no path outside of the
/// directory.
std::string joint_json(const JointResult& result);

/// pairs.csv: each network with each machine that was simulated with it; `only_front`: front.csv.
std::string joint_csv(const JointResult& result, bool only_front);

}  // namespace tilewake
