// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/man_page.hpp"

#include <cstddef>
#include <string_view>

#include <fmt/format.h>

#include "simulator/cli/command_help.hpp"
#include "simulator/cli/options.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/version.hpp"

namespace tilewake {
namespace {

/// `text` as troff prints it literally. A line that begins with a dot or a quote would be a
/// request.
std::string troff(std::string_view text) {
  std::string result;
  bool is_line_start = true;
  for (const char c : text) {
    if (is_line_start && (c == '.' || c == '\'')) result += "\\&";
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else {
      result += c;
    }
    is_line_start = c == '\n';
  }
  return result;
}

/// Lines that are not filled.
std::string usage_lines(const std::string& usage) {
  return fmt::format(".nf\ntilewake {}\n.fi\n", troff(usage));
}

std::string help_section(const CommandHelp& help) {
  std::string text = usage_lines(help.usage) + ".PP\n" + troff(help.description) + "\n";
  for (const OptionHelp& option : help.options) {
    text += fmt::format(".TP\n.B {}\n{}\n", troff(option.names()), troff(option.text));
  }
  return text;
}

std::string command_section(const Command& command) {
  std::string text = fmt::format(".SS {}\n", troff(command.name));
  if (command.is_program) {
    return text + fmt::format("{}.PP\nIts commands and options: tilewake {} \\-\\-help\n",
                              troff(command.summary) + ".\n", troff(command.name));
  }
  text += help_section(help_of(command));
  if (command.mode.empty()) return text;
  return text + fmt::format(".SS {} {}\n", troff(command.name), troff(command.mode)) +
         help_section(help_of(command, std::string(command.mode)));
}

constexpr std::string_view kEnd = R"(.SH EXIT STATUS
.TP
0
ok
.TP
1
internal error, or out of memory
.TP
2
usage
.TP
3
bad input
.TP
4
tolerance or target missed
.TP
130
interrupted
.SH ENVIRONMENT
.TP
.B TILEWAKE_DATA_DIR
a directory with hw_configs, networks, nas/spaces and nas/recipes, searched last
.TP
.B NO_COLOR
if set, no colour is used on a terminal
)";

}  // namespace

std::string man_page(const std::vector<Command>& commands) {
  std::string text = fmt::format(
      ".\\\" Written by 'tilewake man'.\n"
      ".TH TILEWAKE 1 \"\" \"tilewake {}\" \"User Commands\"\n"
      ".SH NAME\n"
      "tilewake \\- simulates CNNs on NPUs\n"
      ".SH SYNOPSIS\n"
      "{}.SH DESCRIPTION\n",
      kVersion, usage_lines("COMMAND [OPTIONS]\ntilewake --help | --version"));
  for (const Command& command : commands) {
    if (command.summary.empty()) continue;
    text += fmt::format(".TP\n.B {}\n{}\n", troff(command.name), troff(command.summary));
  }
  text += ".SH COMMANDS\n";
  for (const Command& command : commands) {
    if (!command.summary.empty()) text += command_section(command);
  }
  return text + std::string(kEnd);
}

ExitCode man_command(const std::vector<Command>& commands, const Arguments& arguments) {
  Options options("man", "man", "Prints the manual page of tilewake: tilewake man > tilewake.1");
  if (options.parse(arguments)) write_result(man_page(commands));
  return ExitCode::kOk;
}

}  // namespace tilewake
