// SPDX-License-Identifier: Apache-2.0
#include "nas/cli/search_run_yaml.hpp"

#include <chrono>
#include <sstream>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/common/version.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "simulator/trace/json_string.hpp"

namespace tilewake {
namespace {

/// `text` two spaces to the right, without comments and empty lines.
std::string indented(const std::string& text) {
  std::string result;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line[0] != '#') result += "  " + line + "\n";
  }
  return result;
}

}  // namespace

std::string search_run_yaml(const RunConfig& config, const NasOptions& options,
                            const std::string& command, const Arguments& arguments,
                            const std::string& space_file, const Machine& machine,
                            const Stopwatch& stopwatch, bool is_complete) {
  std::vector<std::string> words = {"tilewake", "nas", command};
  words.insert(words.end(), arguments.begin(), arguments.end());
  for (std::string& word : words) word = json_string(word);
  const auto now =
      std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format(
      "# A search of tilewake.\n"
      "version: {}\n"
      "command: [{}]\n"
      "written: {:%Y-%m-%dT%H:%M:%SZ}\n"
      "complete: {}\n"
      "wall_seconds: {:.1f}\n"
      "cpu_seconds: {:.1f}\n"
      "seed: {}\n"
      "method: {}\n"
      "targets_ms: [{}]\n"
      "device: {}\n"
      "mixed_precision: {}\n"
      "data:\n"
      "  name: {}\n"
      "  train_images: {}\n"
      "  test_images: {}\n"
      "space_file: {}\n"
      "space:\n{}"
      "recipe_file: {}\n"
      "recipe:\n{}"
      "hardware:\n"
      "  file: {}\n"
      "  machine: {}\n"
      "  resolved:\n{}",
      kVersion, fmt::join(words, ", "), fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
      is_complete, stopwatch.wall_seconds(), stopwatch.cpu_seconds(), config.seed,
      options.method_name, fmt::join(config.targets_ms, ", "), config.device.str(),
      config.mixed_precision, json_string(config.data.name), config.data.train->size(),
      config.data.test->size(), json_string(space_file),
      indented(uses_operators(config.method) ? operator_space_yaml(config.operators)
                                             : search_space_yaml(config.space)),
      json_string(options.recipe), indented(recipe_yaml(config.recipe)),
      json_string(machine.file.path), json_string(config.machine),
      hardware_yaml(machine.config, "    "));
}

}  // namespace tilewake
