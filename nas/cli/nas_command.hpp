// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simulator/cli/command.hpp"

namespace tilewake {

/// Each runs the search in a directory up to one of its steps, and goes on with what is there.
ExitCode nas_run_command(const Arguments& arguments);
ExitCode nas_search_command(const Arguments& arguments);
ExitCode nas_scale_command(const Arguments& arguments);
ExitCode nas_postprocess_command(const Arguments& arguments);
ExitCode nas_train_command(const Arguments& arguments);
ExitCode nas_evaluate_command(const Arguments& arguments);

/// Makes a search space of operators for one machine, or for several side by side.
ExitCode nas_space_command(const Arguments& arguments);

/// Several methods with several seeds, side by side.
ExitCode nas_compare_command(const Arguments& arguments);

}  // namespace tilewake
