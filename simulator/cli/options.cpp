// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/options.hpp"

#include <sstream>

#include <fmt/format.h>

#include "simulator/cli/standard_streams.hpp"

namespace tilewake {
namespace {

namespace po = boost::program_options;

constexpr unsigned kLineLength = 100;

/// "out,o" as a user writes it: "--out".
std::string long_name(const std::string& name) { return "--" + name.substr(0, name.find(',')); }

}  // namespace

Options::Options(const std::string& command, const std::string& usage,
                 const std::string& description)
    : command_(command),
      usage_(usage),
      description_(description),
      options_("Options", kLineLength) {
  options_.add_options()("help,h", "show this text and exit");
}

void Options::add_text(const std::string& name, const std::string& help,
                       po::typed_value<std::string>* semantic, const std::string& placeholder) {
  semantic->value_name(placeholder);
  semantic->notifier([option = long_name(name)](const std::string& value) {
    if (value.empty()) throw UsageError(fmt::format("option '{}' has an empty value", option));
  });
  options_.add_options()(name.c_str(), semantic, help.c_str());
}

void Options::required(const std::string& name, std::string& value, const std::string& placeholder,
                       const std::string& help) {
  add_text(name, help + " (required)", po::value(&value)->required(), placeholder);
}

void Options::optional(const std::string& name, std::string& value, const std::string& placeholder,
                       const std::string& help) {
  auto* semantic = po::value(&value);
  if (!value.empty()) semantic->default_value(value);
  add_text(name, value.empty() ? help + " (default: none)" : help, semantic, placeholder);
}

void Options::flag(const std::string& name, bool& value, const std::string& help) {
  options_.add_options()(name.c_str(), po::bool_switch(&value), (help + " (default: off)").c_str());
}

bool Options::parse(const Arguments& arguments) {
  try {
    using po::command_line_style::allow_guessing;
    using po::command_line_style::unix_style;
    po::variables_map values;
    po::store(po::command_line_parser(arguments)
                  .options(options_)
                  .positional({})
                  .style(unix_style & ~allow_guessing)
                  .run(),
              values);
    if (values.count("help") > 0) {
      write_result(help_text());
      return false;
    }
    po::notify(values);
    return true;
  } catch (const po::too_many_positional_options_error&) {
    throw UsageError("an argument without an option; all arguments are options");
  } catch (const po::error& e) {
    throw UsageError(fmt::format("{} (see 'tilewake {} --help')", e.what(), command_));
  }
}

std::string Options::help_text() const {
  std::ostringstream text;
  text << "usage: tilewake " << usage_ << "\n\n" << description_ << "\n\n" << options_;
  return text.str();
}

}  // namespace tilewake
