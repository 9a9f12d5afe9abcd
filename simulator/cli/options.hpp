// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <boost/program_options.hpp>

#include "simulator/cli/command.hpp"

namespace tilewake {

/// The options of one command: Boost.Program_options with our rules. Names are never guessed from
/// their beginning, an option is given once, its value is not empty, and nothing else may stand on
/// the command line. Whatever is wrong is a UsageError.
class Options {
 public:
  /// `usage` is what stands behind "tilewake" in the first line of the help text.
  Options(const std::string& command, const std::string& usage, const std::string& description);

  /// `help` names the default of an optional value, if it has one.
  void required(const std::string& name, std::string& value, const std::string& placeholder,
                const std::string& help);
  void optional(const std::string& name, std::string& value, const std::string& placeholder,
                const std::string& help);
  void flag(const std::string& name, bool& value, const std::string& help);

  /// Fills the values. Returns false if help was asked for; it is printed then.
  bool parse(const Arguments& arguments);

 private:
  void add_text(const std::string& name, const std::string& help,
                boost::program_options::typed_value<std::string>* semantic,
                const std::string& placeholder);
  std::string help_text() const;

  std::string command_;
  std::string usage_;
  std::string description_;
  boost::program_options::options_description options_;
};

}  // namespace tilewake
