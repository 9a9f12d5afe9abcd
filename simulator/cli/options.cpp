// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/options.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>
#include <system_error>

#include <fmt/format.h>

#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/nearest_name.hpp"
#include "simulator/common/text_table.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

namespace po = boost::program_options;

/// "out" or "out,o" as a user writes it: "--out".
std::string long_name(const std::string& name) { return "--" + name.substr(0, name.find(',')); }

/// "-o" of "out,o", or nothing.
std::string short_name(const std::string& name) {
  const std::size_t comma = name.find(',');
  return comma == std::string::npos ? "" : "-" + name.substr(comma + 1);
}

/// "-o, --out DIR" or "    --out DIR", so that the long names are aligned.
std::string aligned_names(const OptionHelp& option) {
  return (option.short_name.empty() ? "    " : "") + option.names();
}

/// A usage of any number of lines, broken again, but not within brackets. Each "tilewake" at the
/// beginning of a line begins another usage.
std::string usage_text(const std::string& usage, std::size_t columns) {
  constexpr std::string_view kNext = "\n       tilewake ";
  constexpr char kKept = '\x01';  // a blank in brackets
  std::string text = "usage: tilewake ";
  int depth = 0;
  for (std::size_t i = 0; i < usage.size(); ++i) {
    if (std::string_view(usage).substr(i).starts_with(kNext)) {
      text.erase(text.find_last_not_of(' ') + 1);
      text += kNext;
      i += kNext.size() - 1;
      continue;
    }
    const char c = usage[i];
    depth += (c == '[' ? 1 : 0) - (c == ']' ? 1 : 0);
    const bool is_blank = c == ' ' || c == '\n';
    if (is_blank && (text.back() == ' ' || text.back() == kKept)) continue;
    text += !is_blank ? c : depth > 0 ? kKept : ' ';
  }
  text = wrapped_lines(text, columns) + "\n";
  std::replace(text.begin(), text.end(), kKept, ' ');
  return text;
}

/// A description whose lines are broken again. An empty line ends a paragraph; a line that begins
/// with a blank remains a line.
std::string description_text(const std::string& description, std::size_t columns) {
  constexpr std::size_t kMaxColumns = 100;  // longer lines are hard to read
  const std::size_t width = columns == 0 ? kMaxColumns : std::min(columns, kMaxColumns);
  std::string text;
  std::string paragraph;
  const auto end_paragraph = [&] {
    text += wrapped(paragraph, "", width);
    paragraph.clear();
  };
  std::istringstream lines(description);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line[0] != ' ') {
      paragraph += line + " ";
      continue;
    }
    end_paragraph();
    text += line + "\n";
  }
  end_paragraph();
  return text;
}

/// The names, followed by the text in a column of its own. Names longer than `width` have a line
/// to themselves.
std::string option_text(const OptionHelp& option, std::size_t width, std::size_t columns) {
  const std::string indent(width + 4, ' ');
  const std::string names = aligned_names(option);
  std::string text = wrapped(option.text, indent, columns);
  if (names.size() > width) return fmt::format("  {}\n{}", names, text);
  return fmt::format("  {:<{}}  {}", names, width, text.substr(indent.size()));
}

template <typename T>
bool parse_whole(const std::string& text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

Options::Options(const std::string& command, const std::string& usage,
                 const std::string& description)
    : command_(command), help_{usage, description, {}} {
  add("help,h", new po::untyped_value(/*zero_tokens=*/true), "", "show this text and exit");
}

void Options::add(const std::string& name, const po::value_semantic* semantic,
                  const std::string& placeholder, const std::string& help) {
  options_.add_options()(name.c_str(), semantic);  // takes ownership of the semantic
  help_.options.push_back({long_name(name), short_name(name), placeholder, help});
}

void Options::required(const std::string& name, std::string& value, const std::string& placeholder,
                       const std::string& help) {
  add(name, po::value(&value)->required(), placeholder, help + " (required)");
}

void Options::optional(const std::string& name, std::string& value, const std::string& placeholder,
                       const std::string& help) {
  add(name, po::value(&value), placeholder,
      fmt::format("{} (default: {})", help, value.empty() ? "none" : value));
}

void Options::flag(const std::string& name, bool& value, const std::string& help) {
  add(name, po::bool_switch(&value), "", help + " (default: off)");
}

std::int64_t Options::integer_in(const std::string& name, const std::string& text, std::int64_t min,
                                 std::int64_t max) const {
  std::int64_t value = 0;
  if (!parse_whole(text, value) || value < min || value > max) {
    fail(fmt::format("option '{}' must be an integer from {} to {}, not '{}'", long_name(name), min,
                     max, printable(text)));
  }
  return value;
}

void Options::integer(const std::string& name, std::optional<std::int64_t>& value, std::int64_t min,
                      std::int64_t max, const std::string& placeholder, const std::string& help) {
  const auto read = [this, name, &value, min, max](const std::string& text) {
    value = integer_in(name, text, min, max);
  };
  add(name, po::value<std::string>()->notifier(read), placeholder, help + " (default: none)");
}

void Options::integer(const std::string& name, std::int64_t& value, std::int64_t min,
                      std::int64_t max, const std::string& placeholder, const std::string& help) {
  const auto read = [this, name, &value, min, max](const std::string& text) {
    value = integer_in(name, text, min, max);
  };
  add(name, po::value<std::string>()->notifier(read), placeholder,
      fmt::format("{} (default: {})", help, value));
}

void Options::number(const std::string& name, std::optional<double>& value,
                     const std::string& placeholder, const std::string& help) {
  const auto read = [this, name, &value](const std::string& text) {
    double number = 0.0;
    if (!parse_whole(text, number) || !std::isfinite(number) || number < 0.0) {
      fail(fmt::format("option '{}' must be a number of at least 0, not '{}'", long_name(name),
                       printable(text)));
    }
    value = number;
  };
  add(name, po::value<std::string>()->notifier(read), placeholder,
      help + (value ? fmt::format(" (default: {})", *value) : " (default: none)"));
}

void Options::list(const std::string& name, std::vector<std::string>& values,
                   const std::string& placeholder, const std::string& help) {
  add(name, po::value(&values)->multitoken()->composing(), placeholder, help + " (default: none)");
}

void Options::required_list(const std::string& name, std::vector<std::string>& values,
                            const std::string& placeholder, const std::string& help) {
  add(name, po::value(&values)->multitoken()->composing()->required(), placeholder,
      help + " (required)");
}

bool Options::parse(const Arguments& arguments) {
  if (!arguments.empty() && arguments.back() == help_request()) throw HelpAnswer{help_};
  using po::command_line_style::allow_guessing;
  using po::command_line_style::unix_style;
  try {
    const po::parsed_options parsed = po::command_line_parser(arguments)
                                          .options(options_)
                                          .style(unix_style & ~allow_guessing)
                                          .run();
    po::variables_map values;
    po::store(parsed, values);
    if (values.count("help") > 0) {
      write_result(help_text());
      return false;
    }
    for (const po::option& option : parsed.options) {
      check(option);
      given_.insert(option.string_key);
    }
    po::notify(values);
    return true;
  } catch (const po::unknown_option& e) {
    fail(e.what() + suggested(e.get_option_name()));
  } catch (const po::error& e) {
    fail(e.what());
  }
}

void Options::check(const po::option& option) const {
  if (option.string_key.empty()) {
    if (words_ != nullptr) return words_->push_back(option.original_tokens.front());
    fail(fmt::format("unexpected argument '{}'", option.original_tokens.front()));
  }
  for (const std::string& value : option.value) {
    if (value.empty()) fail(fmt::format("option '--{}' has an empty value", option.string_key));
    if (value.size() > 1 && value[0] == '-' && value.find_first_not_of("0123456789.", 1) > 1) {
      fail(fmt::format("option '--{}' must not be negative: '{}'", option.string_key, value));
    }
    if (value.starts_with('-')) {
      fail(fmt::format("option '--{}' needs a value, but '{}' follows", option.string_key, value));
    }
  }
}

std::string Options::suggested(const std::string& unknown) const {
  std::vector<std::string> names;
  for (const auto& option : options_.options()) names.push_back("--" + option->long_name());
  return suggestion(unknown, names);
}

void Options::fail(const std::string& what) const {
  throw UsageError(fmt::format("{} (see 'tilewake {} --help')", what, command_));
}

std::string Options::help_text() const {
  std::size_t width = 0;
  for (const OptionHelp& option : help_.options) {
    width = std::max(width, aligned_names(option).size());
  }
  const std::size_t columns = text_columns();
  std::string text = usage_text(help_.usage, columns);
  text += '\n';
  text += description_text(help_.description, columns);
  text += "\noptions:\n";
  width = std::min(width, columns / 3);
  for (const OptionHelp& option : help_.options) {
    text += option_text(option, width, columns);
  }
  return text;
}

}  // namespace tilewake
