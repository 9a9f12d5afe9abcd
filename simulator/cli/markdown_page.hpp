// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "simulator/cli/program.hpp"

namespace tilewake {

/// The help of all commands as a page of Markdown, a section each; as man_page(). A command with
/// the options of an earlier one refers to it.
///   @param program  how a user calls it: "tilewake", "tilewake nas"
std::string markdown_page(std::string_view program, const std::vector<Command>& commands);

}  // namespace tilewake
