// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/run_yaml.hpp"

#include <chrono>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/common/version.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "simulator/trace/json_string.hpp"

namespace tilewake {
namespace {

std::string input_section(const std::string& name, const InputFile& file) {
  return fmt::format("  name: {}\n  file: {}\n  hash: fnv1a64:{:016x}\n", json_string(name),
                     json_string(file.path), fnv1a64(file.text));
}

}  // namespace

std::string run_yaml(const RunRecord& record, const Machine& machine, const Workload& workload) {
  std::vector<std::string> words;
  for (const std::string& word : record.command_line) words.push_back(json_string(word));
  const auto now =
      std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format(
      "# A run of tilewake. This file is written last: where it is, the run is complete.\n"
      "version: {}\n"
      "command: [{}]\n"
      "written: {:%Y-%m-%dT%H:%M:%SZ}\n"
      "wall_seconds: {:.6f}\n"
      "cpu_seconds: {:.6f}\n"
      "files: [{}]\n"
      "network:\n"
      "{}"
      "hardware:\n"
      "{}"
      "  resolved:\n"
      "{}",
      kVersion, fmt::join(words, ", "), fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
      record.wall_seconds, record.cpu_seconds, fmt::join(record.files, ", "),
      input_section(workload.name, workload.file), input_section(machine.config.name, machine.file),
      hardware_yaml(machine.config, "    "));
}

}  // namespace tilewake
