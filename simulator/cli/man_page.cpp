// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/man_page.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "simulator/cli/command_help.hpp"
#include "simulator/cli/formats.hpp"
#include "simulator/cli/markdown_page.hpp"
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

std::string man_page(std::string_view program, std::string_view summary,
                     const std::vector<Command>& commands) {
  std::string name(program);  // tilewake-nas
  std::replace(name.begin(), name.end(), ' ', '-');
  std::string title = name;
  for (char& c : title) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  std::string text = fmt::format(
      ".\\\" Written by '{0} man'.\n"
      ".TH {1} 1 \"\" \"tilewake {2}\" \"User Commands\"\n"
      ".SH NAME\n"
      "{3} \\- {4}\n"
      ".SH SYNOPSIS\n"
      ".nf\n"
      "{0} COMMAND [OPTIONS]\n"
      "{0} \\-\\-help | \\-\\-version\n"
      ".fi\n"
      ".SH DESCRIPTION\n",
      program, troff(title), kVersion, troff(name), troff(summary));
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

ExitCode man_command(std::string_view program, std::string_view summary,
                     const std::vector<Command>& commands, const Arguments& arguments) {
  std::string format = "man";
  std::string command(program.substr(program.find(' ') + 1));  // "nas" of "tilewake nas"
  command = command == program ? "man" : command + " man";
  Options options(
      command, command + " [--format man|markdown]",
      fmt::format("Prints the help of all commands as a page: {} man > page.1", program));
  options.optional("format", format, "FORMAT", "man or markdown");
  if (!options.parse(arguments)) return ExitCode::kOk;
  constexpr std::array<std::pair<std::string_view, bool>, 2> kFormats = {{
      {"man", false},
      {"markdown", true},
  }};
  write_result(value_of_word("--format", kFormats, format) ? markdown_page(program, commands)
                                                           : man_page(program, summary, commands));
  return ExitCode::kOk;
}

}  // namespace tilewake
