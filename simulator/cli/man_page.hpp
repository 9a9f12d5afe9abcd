// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "simulator/cli/program.hpp"

namespace tilewake {

/// The manual page tilewake(1) in the language of troff (man(7)): the help of all commands. Equal
/// for equal versions: it has no date.
std::string man_page(const std::vector<Command>& commands);

/// The command `man`: prints the page.
ExitCode man_command(const std::vector<Command>& commands, const Arguments& arguments);

}  // namespace tilewake
