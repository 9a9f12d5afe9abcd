// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "simulator/cli/program.hpp"

namespace tilewake {

/// The manual page, as tilewake(1), in the language of troff (man(7)): the help of all commands.
/// Equal for equal versions: it has no date.
///   @param program  how a user calls it: "tilewake", "tilewake nas"
///   @param summary  what it is, in a few words
std::string man_page(std::string_view program, std::string_view summary,
                     const std::vector<Command>& commands);

/// The command `man`: prints the page, or the same as Markdown.
ExitCode man_command(std::string_view program, std::string_view summary,
                     const std::vector<Command>& commands, const Arguments& arguments);

}  // namespace tilewake
