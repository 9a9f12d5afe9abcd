// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "simulator/common/error.hpp"

namespace tilewake {

/// What stands behind the command's name.
using Arguments = std::vector<std::string>;

/// Each runs one command, writes its result to standard output and throws what goes wrong:
/// UsageError, InputError, or what is our own fault. latency_model/cli/main.cpp has the table of
/// them.
ExitCode check_command(const Arguments& arguments);
ExitCode simulate_command(const Arguments& arguments);
/// `simulate` with --sweep among its arguments.
ExitCode sweep_command(const Arguments& arguments);
ExitCode dram_command(const Arguments& arguments);
ExitCode convert_command(const Arguments& arguments);

}  // namespace tilewake
