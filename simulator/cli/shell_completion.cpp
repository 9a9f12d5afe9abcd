// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/shell_completion.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "simulator/cli/command_help.hpp"
#include "simulator/cli/formats.hpp"
#include "simulator/cli/options.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"

namespace tilewake {
namespace {

/// Options whose values are bare names, and what `tilewake list` calls these.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kNameOptions = {{
    {"--hw", "machines"},
    {"--net", "networks"},
    {"--space", "spaces"},
    {"--recipe", "recipes"},
}};

bool is_word_character(char c) { return (c >= 'a' && c <= 'z') || c == '_' || c == '-'; }

bool is_word(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_word_character);
}

/// `text` for a shell, in single quotes.
std::string in_quotes(std::string_view text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'') {
      result += "'\\''";
    } else {
      result += c;
    }
  }
  return result + "'";
}

/// The help of a command, and of its mode if it has one.
std::vector<CommandHelp> all_help_of(const Command& command) {
  if (command.is_program) return {};
  std::vector<CommandHelp> help = {help_of(command)};
  if (!command.mode.empty()) help.push_back(help_of(command, std::string(command.mode)));
  return help;
}

/// The options of a command and of its mode, each once.
std::vector<OptionHelp> all_options(const std::vector<CommandHelp>& help) {
  std::vector<OptionHelp> options;
  for (const CommandHelp& each : help) {
    for (const OptionHelp& option : each.options) {
      const auto is_same = [&](const OptionHelp& o) { return o.long_name == option.long_name; };
      if (std::none_of(options.begin(), options.end(), is_same)) options.push_back(option);
    }
  }
  return options;
}

std::string words_of_value(const std::vector<CommandHelp>& help, const std::string& long_name) {
  for (const CommandHelp& each : help) {
    std::string words = words_of_option(each.usage, long_name);
    if (!words.empty()) return words;
  }
  return "";
}

void append(std::string& words, std::string_view word) {
  if (!words.empty()) words += ' ';
  words += word;
}

/// The lines of bash that set options, values and words of a command.
std::string bash_case(const Command& command) {
  const std::vector<CommandHelp> help = all_help_of(command);
  std::string options;
  std::string with_value;
  std::string choices;
  for (const OptionHelp& option : all_options(help)) {
    append(options, option.long_name);
    if (option.placeholder.empty()) continue;
    append(with_value, option.long_name);
    if (!option.short_name.empty()) append(with_value, option.short_name);
    const std::string words = words_of_value(help, option.long_name);
    if (words.empty()) continue;
    choices += fmt::format("      [[ $previous == {} ]] && choices={}\n", option.long_name,
                           in_quotes(words));
  }
  return fmt::format(
      "    {})\n"
      "      options={}\n"
      "      with_value={}\n"
      "      words={}\n"
      "{}"
      "      ;;\n",
      command.name, in_quotes(options), in_quotes(with_value),
      in_quotes(words_of_usage(help.front().usage)), choices);
}

/// As an explanation of _arguments: brackets, colons and backslashes are special there.
std::string zsh_escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

/// What _arguments calls an action: how the value of an option is completed. Without the leading
/// blank, _arguments would put its own arguments before `machines`.
std::string zsh_action(const OptionHelp& option, const std::vector<CommandHelp>& help) {
  for (const auto& [name, kind] : kNameOptions) {
    if (option.long_name == name) return fmt::format(" _tilewake_names {}", kind);
  }
  const std::string words = words_of_value(help, option.long_name);
  if (!words.empty()) return fmt::format("({})", words);
  if (option.placeholder == "DIR") return "_files -/";
  return option.placeholder.starts_with("FILE") ? "_files" : " ";
}

std::string zsh_case(const Command& command) {
  const std::vector<CommandHelp> help = all_help_of(command);
  std::string text = fmt::format("    {})\n      _arguments", command.name);
  for (const OptionHelp& option : all_options(help)) {
    std::string spec = fmt::format("[{}]", zsh_escaped(option.text));
    if (!option.placeholder.empty()) {
      spec += fmt::format(":{}:{}", zsh_escaped(option.placeholder), zsh_action(option, help));
    }
    const bool is_list = option.placeholder.ends_with("...");
    if (option.short_name.empty()) {
      text +=
          fmt::format(" \\\n        {}", in_quotes((is_list ? "*" : "") + option.long_name + spec));
    } else {
      text += fmt::format(" \\\n        '({0} {1})'{{{0},{1}}}{2}", option.short_name,
                          option.long_name, in_quotes(spec));
    }
  }
  const std::string words = words_of_usage(help.front().usage);
  if (!words.empty()) text += fmt::format(" \\\n        '*:argument:({})'", words);
  return text + "\n      ;;\n";
}

std::string first_line(std::string_view shell) {
  return fmt::format("# Completion for {} of tilewake {}, written by 'tilewake completion {}'.\n",
                     shell, kVersion, shell);
}

/// The commands that the help lists.
std::vector<Command> listed(const std::vector<Command>& commands) {
  std::vector<Command> result;
  for (const Command& command : commands) {
    if (!command.summary.empty()) result.push_back(command);
  }
  return result;
}

// The options of another program's commands, from its help; $1 is the program, $2 its name and $3
// the command, or nothing: then its commands. They are kept, because LibTorch starts slowly.
constexpr std::string_view kAskProgram = R"(_tilewake_ask() {
  local key="$2-$3"
  if [[ -z ${_tilewake_answers[$key]+set} ]]; then
    if [[ -z $3 ]]; then
      _tilewake_answers[$key]=$("$1" "$2" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p')
    else
      _tilewake_answers[$key]=$("$1" "$2" "$3" --help 2>/dev/null |
        sed -n 's/^  [- ][a-z ][, ] \(--[a-z][a-z-]*\).*/\1/p')
    fi
  fi
}
)";

constexpr std::string_view kBashFunctions = R"(
# The names of a kind of file that begin with $3, or with what is after its last comma.
_tilewake_names() {
  local before="" name
  [[ $3 == *,* ]] && before="${3%,*},"
  while IFS= read -r name; do  # not compgen -W, which would expand a name like $(command)
    [[ $name == "${3##*,}"* ]] || continue
    printf -v name %q "$name"
    COMPREPLY+=("$before$name")
  done < <("$1" list "$2" --format names --quiet 2>/dev/null)
}

_tilewake_words() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

)";

// The end of the function. With no completions, bash completes file names.
constexpr std::string_view kBashEnd = R"(  case $previous in
    --hw) _tilewake_names "$program" machines "$current"; return ;;
    --net) _tilewake_names "$program" networks "$current"; return ;;
    --space) _tilewake_names "$program" spaces "$current"; return ;;
    --recipe) _tilewake_names "$program" recipes "$current"; return ;;
  esac
  if [[ -n $choices ]]; then
    _tilewake_words "$choices" "$current"
  elif [[ " $with_value " != *" $previous "* ]]; then
    [[ $current == -* ]] || options="$words${words:+ }$options"
    _tilewake_words "$options" "$current"
  fi
}
complete -o default -F _tilewake tilewake
)";

}  // namespace

std::string words_of_option(const std::string& usage, const std::string& long_name) {
  const std::string before = long_name + " ";
  for (std::size_t at = usage.find(before); at != std::string::npos; at = usage.find(before, at)) {
    at += before.size();
    std::string words;
    std::size_t num_words = 0;
    for (std::size_t begin = at;;) {
      std::size_t end = begin;
      while (end < usage.size() && is_word_character(usage[end])) ++end;
      if (end == begin) break;
      append(words, std::string_view(usage).substr(begin, end - begin));
      ++num_words;
      if (end == usage.size() || usage[end] != '|') break;
      begin = end + 1;
    }
    if (num_words > 1) return words;
  }
  return "";
}

std::string words_of_usage(const std::string& usage) {
  std::string words = words_of_option(usage, usage.substr(0, usage.find(' ')));
  for (std::size_t at = usage.find('['); at != std::string::npos; at = usage.find('[', at + 1)) {
    const std::size_t end = std::min(usage.find(']', at), usage.size());
    const std::string_view word = std::string_view(usage).substr(at + 1, end - at - 1);
    if (is_word(word) && !word.starts_with('-')) append(words, word);
  }
  return words;
}

std::string bash_completion(const std::vector<Command>& commands) {
  std::string names;
  std::string cases;
  for (const Command& command : listed(commands)) {
    append(names, command.name);
    if (!command.is_program) {
      cases += bash_case(command);
      continue;
    }
    cases += fmt::format(
        "    {0})\n"
        "      if ((COMP_CWORD == 2)); then\n"
        "        _tilewake_ask \"$program\" {0} \"\"\n"
        "        options=\"${{_tilewake_answers[{0}-]}} --help --version\"\n"
        "      elif [[ $current == -* ]]; then\n"
        "        _tilewake_ask \"$program\" {0} \"${{COMP_WORDS[2]}}\"\n"
        "        options=${{_tilewake_answers[{0}-${{COMP_WORDS[2]}}]}}\n"
        "      fi\n"
        "      ;;\n",
        command.name);
  }
  return first_line("bash") + "\ndeclare -gA _tilewake_answers\n\n" + std::string(kAskProgram) +
         std::string(kBashFunctions) +
         fmt::format(
             "_tilewake() {{\n"
             "  local program=${{1/#\\~/$HOME}}\n"
             "  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}\n"
             "  local options=\"\" with_value=\"\" words=\"\" choices=\"\"\n"
             "  COMPREPLY=()\n"
             "  if ((COMP_CWORD == 1)); then\n"
             "    _tilewake_words {} \"$current\"\n"
             "    return\n"
             "  fi\n"
             "  if [[ $current == \"=\" ]]; then  # bash splits --hw=midap into three words\n"
             "    current=\"\"\n"
             "  elif [[ $previous == \"=\" ]]; then\n"
             "    previous=${{COMP_WORDS[COMP_CWORD-2]}}\n"
             "  fi\n"
             "  case ${{COMP_WORDS[1]}} in\n"
             "{}"
             "  esac\n",
             in_quotes(names + " --help --version"), cases) +
         std::string(kBashEnd);
}

std::string zsh_completion(const std::vector<Command>& commands) {
  std::string names;
  std::string cases;
  for (const Command& command : listed(commands)) {
    names += fmt::format(
        "    {}\n", in_quotes(fmt::format("{}:{}", command.name, zsh_escaped(command.summary))));
    if (!command.is_program) {
      cases += zsh_case(command);
      continue;
    }
    cases += fmt::format(
        "    {0})\n"
        "      if (( CURRENT == 2 )); then\n"
        "        _tilewake_ask $program {0} ''\n"
        "        compadd -- ${{(f)_tilewake_answers[{0}-]}} --help --version\n"
        "      elif [[ $words[CURRENT-1] == --(hw|net|space|recipe) ]]; then\n"
        "        local -A kinds=(--hw machines --net networks --space spaces --recipe recipes)\n"
        "        _tilewake_names $kinds[$words[CURRENT-1]]\n"
        "      elif [[ $PREFIX == -* ]]; then\n"
        "        _tilewake_ask $program {0} $words[2]\n"
        "        compadd -- ${{(f)_tilewake_answers[{0}-$words[2]]}}\n"
        "      else\n"
        "        _files\n"
        "      fi\n"
        "      ;;\n",
        command.name);
  }
  return "#compdef tilewake\n" + first_line("zsh") + "\ntypeset -gA _tilewake_answers\n\n" +
         std::string(kAskProgram) +
         fmt::format(
             "\n"
             "# The names of a kind of file, or paths.\n"
             "_tilewake_names() {{\n"
             "  local -a names\n"
             "  names=(${{(f)\"$($program list $1 --format names --quiet 2>/dev/null)\"}})\n"
             "  compset -P '*,'\n"
             "  compadd -a names\n"
             "  _files\n"
             "}}\n\n"
             "_tilewake() {{\n"
             "  local program=${{(Q)words[1]/#\\~/$HOME}}\n"
             "  local -a commands=(\n"
             "{}"
             "  )\n"
             "  if (( CURRENT == 2 )); then\n"
             "    _describe -t commands command commands\n"
             "    return\n"
             "  fi\n"
             "  shift words\n"
             "  (( CURRENT-- ))\n"
             "  case $words[1] in\n"
             "{}"
             "  esac\n"
             "}}\n\n"
             "_tilewake \"$@\"\n",
             names, cases);
}

ExitCode completion_command(const std::vector<Command>& commands, const Arguments& arguments) {
  using Script = std::string (*)(const std::vector<Command>& commands);
  constexpr std::array<std::pair<std::string_view, Script>, 2> kShells = {{
      {"bash", bash_completion},
      {"zsh", zsh_completion},
  }};
  std::vector<std::string> shells;
  Options options(
      "completion", "completion bash|zsh",
      "Prints a script that completes commands, options and names in a shell. For this\n"
      "shell only: source <(tilewake completion bash)");
  options.words(shells);
  if (!options.parse(arguments)) return ExitCode::kOk;
  if (shells.size() != 1) {
    throw UsageError(fmt::format("completion: needs one of {}", format_names(kShells)));
  }
  write_result(value_of_word("completion: the shell", kShells, shells.front())(commands));
  return ExitCode::kOk;
}

}  // namespace tilewake
