// SPDX-License-Identifier: Apache-2.0

// The program `tilewake`: the commands of the modules in one table.

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "latency_model/cli/latency_model_command.hpp"
#include "simulator/cli/command.hpp"
#include "simulator/cli/man_page.hpp"
#include "simulator/cli/program.hpp"
#include "simulator/cli/schema_command.hpp"
#include "simulator/cli/shell_completion.hpp"
#include "simulator/hardware/machine_schema.hpp"
#include "simulator/network/network_schema.hpp"

namespace tilewake {
namespace {

/// Replaces this process by `tilewake-nas`, which links LibTorch. Throws InputError if that fails.
ExitCode nas_command(const Arguments& arguments) {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string program = (self.parent_path() / "tilewake-nas").string();
  std::vector<std::string> words = {program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  // OpenMP threads that wait by spinning slow down other processes many times.
  ::setenv("OMP_WAIT_POLICY", "PASSIVE", /*overwrite=*/0);
  ::execv(program.c_str(), argv.data());
  throw InputError(
      fmt::format("cannot start {}: {}; building it needs LibTorch and -DTILEWAKE_BUILD_NAS=ON",
                  program, std::strerror(errno)));
}

/// With --functional, numbers are computed, by the program that has the arithmetic of networks.
ExitCode simulate_or_execute(const Arguments& arguments) {
  // No value of an option starts with "--", so this is the flag at any position.
  const auto flag = std::find(arguments.begin(), arguments.end(), "--functional");
  if (flag == arguments.end()) return simulate_command(arguments);
  Arguments words = {"simulate"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return nas_command(words);
}

/// The search has some of the kinds, and prints them itself.
ExitCode schema_command(const Arguments& arguments) {
  static const SchemaKinds kinds = {{"machine", machine_schema},
                                    {"network", network_schema},
                                    {"recipe", nullptr},
                                    {"space", nullptr},
                                    {"operator_space", nullptr}};
  return print_schema("", kinds, arguments, [](const Arguments& of_search) {
    Arguments words = {"schema"};
    words.insert(words.end(), of_search.begin(), of_search.end());
    return nas_command(words);
  });
}

ExitCode print_completion(const Arguments& arguments);
ExitCode print_man_page(const Arguments& arguments);

const std::vector<Command>& commands() {
  // To add a command: a file NAME_command.cpp in the cli directory of its module, its declaration
  // in the header beside it, one line here, and a test in tests/cli/.
  static const std::vector<Command> table = {
      {"check", "validate a machine and a network; print the machine", check_command},
      {"simulate", "simulate a network on a machine, exact to the cycle", simulate_or_execute,
       "--sweep"},
      {"explain", "explain where the time goes, and what each change of the machine would gain",
       explain_command},
      {"explore", "search the machines with the best latency, energy and area", explore_command},
      {"merge", "join the shards of a sweep or an exploration", merge_command},
      {"calibrate", "fit a latency model to a machine, or to its traces", calibrate_command},
      {"predict", "predict the latency of a network with a calibrated model", predict_command},
      {"fit", "fit a machine to latencies that were measured on a device", fit_command,
       "--evaluate"},
      {"report", "show results as charts, in one HTML file", report_command},
      {"dram", "measure the memory of a machine", dram_command},
      {"convert", "write a network as plain layers, YAML or ONNX", convert_command},
      {"list", "list machines, networks, search spaces and recipes", list_command},
      {"new", "write the file of a machine to begin with", new_command},
      {"schema", "print the keys of a kind of YAML file, for editors", schema_command},
      {"nas", "search for the most accurate network within a latency limit", nas_command,
       /*mode=*/"", /*is_program=*/true},
      // For installation; the help does not list them.
      {"completion", "", print_completion},
      {"man", "", print_man_page},
  };
  return table;
}

ExitCode print_completion(const Arguments& arguments) {
  return completion_command(commands(), arguments);
}

ExitCode print_man_page(const Arguments& arguments) {
  return man_command("tilewake", "simulates CNNs on NPUs", commands(), arguments);
}

}  // namespace
}  // namespace tilewake

int main(int argc, char** argv) {
  return tilewake::run_program("tilewake", tilewake::commands(), argc, argv);
}
