// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "simulator/cli/program.hpp"

namespace tilewake {

/// Scripts that complete the commands of `tilewake`, their options, and the values of options: the
/// words that the usage lists (`--format table|csv|json`), and the bare names of machines,
/// networks, spaces and recipes (from `tilewake list`). Everything is in the script but names and
/// the options of a command that is another program, which it asks for them once.
std::string bash_completion(const std::vector<Command>& commands);
std::string zsh_completion(const std::vector<Command>& commands);

/// The command `completion bash|zsh`: prints such a script.
ExitCode completion_command(const std::vector<Command>& commands, const Arguments& arguments);

/// The words that `usage` lists as values of an option: "table csv json" of "--format
/// table|csv|json". Empty if there are none.
std::string words_of_option(const std::string& usage, const std::string& long_name);

/// The words that `usage` lists as arguments: "machines networks" of "list [machines] [networks]".
std::string words_of_usage(const std::string& usage);

}  // namespace tilewake
