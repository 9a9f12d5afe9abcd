// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/markdown_page.hpp"

#include <utility>

#include <fmt/format.h>

#include "simulator/cli/command_help.hpp"

namespace tilewake {
namespace {

/// `text` as Markdown prints it literally, also in a table.
std::string markdown(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (std::string_view("\\`*<[]|").find(c) != std::string_view::npos) result += '\\';
    result += c;
  }
  return result;
}

/// `text` as code in a table.
std::string table_code(std::string_view text) {
  std::string result = "`";
  for (const char c : text) result += c == '|' ? std::string("\\|") : std::string(1, c);
  return result + "`";
}

/// Writes sections, and remembers their tables of options.
class MarkdownSections {
 public:
  void add(const std::string& title, const CommandHelp& help) {
    text_ += fmt::format("\n## {}\n\n```text\ntilewake {}\n```\n\n{}\n", title, help.usage,
                         markdown(help.description));
    std::string table;
    for (const OptionHelp& option : help.options) {
      table += fmt::format("| {} | {} |\n", table_code(option.names()), markdown(option.text));
    }
    for (const auto& [other, same] : tables_) {
      if (same != table) continue;
      text_ += fmt::format("\nOptions: those of `{}`.\n", other);
      return;
    }
    text_ += "\n| option | meaning |\n|---|---|\n" + table;
    tables_.emplace_back(title, table);
  }

  std::string text() && { return std::move(text_); }

 private:
  std::string text_;
  std::vector<std::pair<std::string, std::string>> tables_;  // title, rows
};

}  // namespace

std::string markdown_page(std::string_view program, const std::vector<Command>& commands) {
  std::string overview;
  MarkdownSections sections;
  for (const Command& command : commands) {
    if (command.summary.empty()) continue;
    overview += fmt::format("| `{}` | {} |\n", command.name, markdown(command.summary));
    if (command.is_program) continue;  // which has a page
    const std::string name(command.name);
    sections.add(name, help_of(command));
    if (command.mode.empty()) continue;
    sections.add(fmt::format("{} {}", name, command.mode),
                 help_of(command, std::string(command.mode)));
  }
  return fmt::format(
             "# `{0}`: commands and options\n\n"
             "<!-- Written by '{0} man --format markdown': change the help of the command. -->\n\n"
             "| command | what it does |\n|---|---|\n{1}",
             program, overview) +
         std::move(sections).text();
}

}  // namespace tilewake
