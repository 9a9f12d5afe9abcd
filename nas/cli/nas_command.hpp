// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simulator/cli/command.hpp"

namespace tilewake {

/// Each runs the search in a directory up to one of its steps; with --resume it continues the run.
ExitCode nas_run_command(const Arguments& arguments);
ExitCode nas_search_command(const Arguments& arguments);
ExitCode nas_scale_command(const Arguments& arguments);
ExitCode nas_postprocess_command(const Arguments& arguments);

/// Trains a given network.
ExitCode nas_train_command(const Arguments& arguments);

/// Measures the accuracy of a trained network.
ExitCode nas_evaluate_command(const Arguments& arguments);

/// Quantizes a trained network to int8.
ExitCode nas_quantize_command(const Arguments& arguments);

/// `tilewake simulate --functional`: executes a quantized network on a machine, tile by tile.
ExitCode nas_simulate_command(const Arguments& arguments);

/// Makes a search space of operators for one machine, or for each of several.
ExitCode nas_space_command(const Arguments& arguments);

/// Prints the keys of recipes and search spaces.
ExitCode nas_schema_command(const Arguments& arguments);

/// Compares several methods over several seeds.
ExitCode nas_compare_command(const Arguments& arguments);

/// Compares search methods on networks whose accuracies are known.
ExitCode nas_bench_command(const Arguments& arguments);

}  // namespace tilewake
