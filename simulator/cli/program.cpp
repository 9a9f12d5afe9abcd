// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/program.hpp"

#include <exception>
#include <string>

#include <fmt/format.h>

#include "simulator/cli/interrupt.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/failure.hpp"
#include "simulator/common/nearest_name.hpp"
#include "simulator/common/text_table.hpp"
#include "simulator/common/version.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

/// The commands of one executable.
class Executable {
 public:
  Executable(std::string_view name, const std::vector<Command>& commands,
             const std::vector<LibraryVersion>& libraries)
      : name_(name), commands_(commands), libraries_(libraries) {}

  ExitCode dispatch(const Arguments& arguments) const {
    if (arguments.empty()) {
      throw UsageError(
          fmt::format("no command; one of {} (see '{} --help')", command_names(), name_));
    }
    const std::string& name = arguments[0];
    for (const Command& command : commands_) {
      if (name == command.name) return command.run({arguments.begin() + 1, arguments.end()});
    }
    const bool is_alone = arguments.size() == 1;
    if (is_alone && (name == "--help" || name == "-h")) {
      write_result(wrapped_lines(usage(), text_columns()));
      return ExitCode::kOk;
    }
    if (is_alone && name == "--version") {
      write_result(versions());
      return ExitCode::kOk;
    }
    throw UsageError(fmt::format("unknown command '{}'; one of {}{} (see '{} --help')",
                                 printable(name), command_names(), suggested(name), name_));
  }

 private:
  std::string command_names() const {
    std::string names;
    for (const Command& command : commands_) {
      if (command.summary.empty()) continue;
      if (!names.empty()) names += ", ";
      names += command.name;
    }
    return names;
  }

  /// Scripts read the first line: the name of the program and its version.
  std::string versions() const {
    std::string text = fmt::format("{} {}\n", name_, kVersion);
    std::vector<LibraryVersion> libraries = library_versions();
    libraries.insert(libraries.end(), libraries_.begin(), libraries_.end());
    for (const LibraryVersion& library : libraries) {
      text += fmt::format("{:<9} {}\n", library.name, library.version);
    }
    return text;
  }

  std::string suggested(const std::string& name) const {
    std::vector<std::string_view> names = {"--help", "--version"};
    for (const Command& command : commands_) {
      if (!command.summary.empty()) names.push_back(command.name);
    }
    return suggestion(name, names);
  }

  std::string usage() const {
    std::string text = fmt::format(
        "usage: {0} COMMAND [OPTIONS]\n"
        "       {0} --help | --version\n\n"
        "commands:\n",
        name_);
    for (const Command& command : commands_) {
      if (command.summary.empty()) continue;
      text += fmt::format("  {:<11} {}\n", command.name, command.summary);
    }
    return text + fmt::format(
                      "\n'{} COMMAND --help' lists the options of a command.\n"
                      "exit codes: 0 ok, 1 internal error, 2 usage, 3 bad input, 4 tolerance or\n"
                      "            target missed, 130 interrupted\n",
                      name_);
  }

  std::string_view name_;
  const std::vector<Command>& commands_;
  const std::vector<LibraryVersion>& libraries_;
};

ExitCode run(const Executable& program, const Arguments& arguments) {
  try {
    return program.dispatch(arguments);
  } catch (const std::exception& e) {
    const Failure failure = failure_of(e);
    if (const auto* errors = dynamic_cast<const InputErrors*>(&e)) {
      for (const std::string& message : errors->messages()) print_error(message);
    } else {
      print_error(failure.text);
    }
    return failure.code;
  }
}

}  // namespace

int run_program(std::string_view program, const std::vector<Command>& commands, int argc,
                char** argv, const std::vector<LibraryVersion>& libraries) {
  prepare_standard_streams();
  end_on_interrupt();
  const Arguments arguments = argc > 0 ? Arguments(argv + 1, argv + argc) : Arguments();
  return static_cast<int>(run(Executable(program, commands, libraries), arguments));
}

}  // namespace tilewake
