// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/program_options.hpp>

#include "simulator/cli/command.hpp"
#include "simulator/cli/command_help.hpp"

namespace tilewake {

/// The options of one command: Boost.Program_options with stricter rules. Names are not
/// abbreviated, an option is given once, its value is neither empty nor like an option, and there
/// are no other arguments unless words() allows them. Every violation is a UsageError.
class Options {
 public:
  /// `usage` follows "tilewake" in the first line of the help text.
  Options(const std::string& command, const std::string& usage, const std::string& description);

  /// `name` is "long" or "long,s". The present `value` is the default in the help text.
  void required(const std::string& name, std::string& value, const std::string& placeholder,
                const std::string& help);
  void optional(const std::string& name, std::string& value, const std::string& placeholder,
                const std::string& help);
  void flag(const std::string& name, bool& value, const std::string& help);
  /// A decimal integer from `min` to `max`.
  void integer(const std::string& name, std::int64_t& value, std::int64_t min, std::int64_t max,
               const std::string& placeholder, const std::string& help);
  void integer(const std::string& name, std::optional<std::int64_t>& value, std::int64_t min,
               std::int64_t max, const std::string& placeholder, const std::string& help);
  /// A finite number of at least 0.
  void number(const std::string& name, std::optional<double>& value, const std::string& placeholder,
              const std::string& help);
  /// One or more values after each use of the option, which may be repeated.
  void list(const std::string& name, std::vector<std::string>& values,
            const std::string& placeholder, const std::string& help);
  /// The same, with at least one value.
  void required_list(const std::string& name, std::vector<std::string>& values,
                     const std::string& placeholder, const std::string& help);

  /// Arguments that are no options: any number of words. Without this, they are refused.
  void words(std::vector<std::string>& values) { words_ = &values; }

  /// Fills the values. Prints the help text and returns false if --help is given. Throws the help
  /// to help_of() if the arguments end in its request.
  bool parse(const Arguments& arguments);

  /// Whether the option was on the command line, after parse(); the long name, without dashes.
  bool is_given(const std::string& name) const { return given_.contains(name); }

 private:
  void add(const std::string& name, const boost::program_options::value_semantic* semantic,
           const std::string& placeholder, const std::string& help);
  std::int64_t integer_in(const std::string& name, const std::string& text, std::int64_t min,
                          std::int64_t max) const;
  void check(const boost::program_options::option& option) const;
  std::string suggested(const std::string& unknown) const;
  [[noreturn]] void fail(const std::string& what) const;
  std::string help_text() const;

  std::string command_;
  CommandHelp help_;
  boost::program_options::options_description options_;
  std::set<std::string> given_;
  std::vector<std::string>* words_ = nullptr;  // null: refused
};

}  // namespace tilewake
