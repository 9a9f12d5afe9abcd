// SPDX-License-Identifier: Apache-2.0
#include <exception>
#include <new>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "simulator/cli/command.hpp"
#include "simulator/cli/interrupt.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"
#include "simulator/common/yaml_document.hpp"

namespace {

using tilewake::Arguments;
using tilewake::ExitCode;
using tilewake::UsageError;
using tilewake::write_complaint;
using tilewake::write_result;

struct Command {
  std::string_view name;
  std::string_view summary;
  ExitCode (*run)(const Arguments& arguments);
};

// To add a command: a file NAME_command.cpp, its declaration in command.hpp, one line here, and a
// test in tests/cli/.
constexpr Command kCommands[] = {
    {"check", "validate a machine and a network; print the machine", tilewake::check_command},
    {"simulate", "simulate a network on a machine, exact to the cycle", tilewake::simulate_command},
    {"calibrate", "fit a latency model to a machine, or to its traces",
     tilewake::calibrate_command},
    {"predict", "tell a network's latency at once, with a calibrated model",
     tilewake::predict_command},
};

std::string command_names() {
  std::string names;
  for (const Command& command : kCommands) {
    if (!names.empty()) names += ", ";
    names += command.name;
  }
  return names;
}

std::string usage() {
  std::string text =
      "usage: tilewake COMMAND [OPTIONS]\n"
      "       tilewake --help | --version\n\n"
      "commands:\n";
  for (const Command& command : kCommands) {
    text += fmt::format("  {:<10} {}\n", command.name, command.summary);
  }
  return text +
         "\n'tilewake COMMAND --help' lists the options of a command.\n"
         "exit codes: 0 ok, 1 internal error, 2 usage, 3 bad input, 4 tolerance missed,\n"
         "            130 interrupted\n";
}

ExitCode dispatch(const Arguments& arguments) {
  if (arguments.empty()) {
    throw UsageError(fmt::format("no command; one of {} (see 'tilewake --help')", command_names()));
  }
  const std::string& name = arguments[0];
  for (const Command& command : kCommands) {
    if (name == command.name) return command.run({arguments.begin() + 1, arguments.end()});
  }
  const bool is_alone = arguments.size() == 1;
  if (is_alone && (name == "--help" || name == "-h")) {
    write_result(usage());
    return ExitCode::kOk;
  }
  if (is_alone && name == "--version") {
    write_result(fmt::format("tilewake {}\n", tilewake::kVersion));
    return ExitCode::kOk;
  }
  throw UsageError(fmt::format("'{}' is no command; one of {} (see 'tilewake --help')",
                               tilewake::printable(name), command_names()));
}

/// Runs the command line; every error becomes one line and an exit code here and nowhere else.
ExitCode run(int argc, char** argv) {
  try {
    return dispatch(argc > 0 ? Arguments(argv + 1, argv + argc) : Arguments());
  } catch (const UsageError& e) {
    write_complaint(e.what());
    return ExitCode::kUsage;
  } catch (const tilewake::InputError& e) {
    write_complaint(e.what());
    return ExitCode::kBadInput;
  } catch (const std::bad_alloc&) {
    write_complaint("out of memory");
  } catch (const std::exception& e) {
    write_complaint(std::string("internal error: ") + e.what());
  }
  return ExitCode::kInternal;
}

}  // namespace

int main(int argc, char** argv) {
  tilewake::prepare_standard_streams();
  tilewake::end_on_interrupt();
  return static_cast<int>(run(argc, argv));
}
