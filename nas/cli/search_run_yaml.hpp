// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "nas/cli/nas_options.hpp"
#include "nas/search/run_config.hpp"
#include "simulator/api/inputs.hpp"
#include "simulator/common/stopwatch.hpp"

namespace tilewake {

/// The text of a search's run.yaml: who made it, from what, every value of recipe, space and
/// machine, and how long it took so far.
std::string search_run_yaml(const RunConfig& config, const NasOptions& options,
                            const std::string& command, const Arguments& arguments,
                            const std::string& space_file, const Machine& machine,
                            const Stopwatch& stopwatch, bool is_complete);

}  // namespace tilewake
