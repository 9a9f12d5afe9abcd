// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "simulator/cli/command.hpp"
#include "simulator/cli/library_versions.hpp"

namespace tilewake {

/// A command of an executable.
struct Command {
  std::string_view name;
  std::string_view summary;  // empty: the help does not list it
  ExitCode (*run)(const Arguments& arguments);
  std::string_view mode = {};  // a flag with which it has other options
  bool is_program = false;     // it is another program, which has the help
};

/// main() of an executable: prepares streams and signals and runs the command that the first
/// argument names (or --help, --version). This is the only place that turns an exception into a
/// line on standard error and an exit code.
///   @param program  how a user calls it: "tilewake", "tilewake nas"
///   @param libraries  of this program only, for --version
int run_program(std::string_view program, const std::vector<Command>& commands, int argc,
                char** argv, const std::vector<LibraryVersion>& libraries = {});

}  // namespace tilewake
