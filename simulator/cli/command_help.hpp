// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "simulator/cli/program.hpp"

namespace tilewake {

struct OptionHelp {
  std::string long_name;    // "--out"
  std::string short_name;   // "-o", or empty
  std::string placeholder;  // of the value: "DIR"; empty if the option takes none
  std::string text;

  std::string names() const;  // "-o, --out DIR"
};

/// The help of a command as data, for shell completion and the manual page.
struct CommandHelp {
  std::string usage;  // follows "tilewake"
  std::string description;
  std::vector<OptionHelp> options;
};

/// The help of `command`, of its mode if `mode` is a flag. Runs the command with an argument that
/// no command line can contain, at which Options::parse() throws the help: nothing is read.
CommandHelp help_of(const Command& command, const std::string& mode = "");

/// What help_of() adds to the arguments. It contains a zero byte.
const std::string& help_request();

/// Thrown by Options::parse(), caught by help_of().
struct HelpAnswer {
  CommandHelp help;
};

}  // namespace tilewake
