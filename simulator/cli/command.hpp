// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "simulator/common/error.hpp"

namespace tilewake {

/// The words after the name of the command.
using Arguments = std::vector<std::string>;

/// Each runs one command and writes its result to standard output. Throws UsageError or InputError;
/// any other exception is a defect of the tool. latency_model/cli/main.cpp has the table of
/// commands.
ExitCode check_command(const Arguments& arguments);
ExitCode simulate_command(const Arguments& arguments);
/// `simulate` with --sweep.
ExitCode sweep_command(const Arguments& arguments);
/// Also `simulate` with --explain.
ExitCode explain_command(const Arguments& arguments);
ExitCode explore_command(const Arguments& arguments);
/// Joins what shards of `simulate --sweep` and `explore` left.
ExitCode merge_command(const Arguments& arguments);
ExitCode dram_command(const Arguments& arguments);
ExitCode convert_command(const Arguments& arguments);
ExitCode list_command(const Arguments& arguments);
ExitCode new_command(const Arguments& arguments);

}  // namespace tilewake
