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

std::string quoted_list(const std::vector<std::string>& words) {
  std::vector<std::string> quoted;
  for (const std::string& word : words) quoted.push_back(json_string(word));
  return fmt::format("[{}]", fmt::join(quoted, ", "));
}

std::string head(const RunRecord& record) {
  const auto now =
      std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format(
      "# A run of tilewake. This file is written last: where it is, the run is complete.\n"
      "version: {}\n"
      "command: {}\n"
      "written: {:%Y-%m-%dT%H:%M:%SZ}\n"
      "wall_seconds: {:.6f}\n"
      "cpu_seconds: {:.6f}\n"
      "files: [{}]\n",
      kVersion, quoted_list(record.command_line),
      fmt::gmtime(std::chrono::system_clock::to_time_t(now)), record.wall_seconds,
      record.cpu_seconds, fmt::join(record.files, ", "));
}

std::string input_section(const std::string& name, const InputFile& file) {
  return fmt::format("  name: {}\n  file: {}\n  hash: {}\n", json_string(name),
                     json_string(file.path), hash_text(fnv1a64(file.text)));
}

}  // namespace

std::string run_yaml(const RunRecord& record, const Machine& machine, const Workload& workload) {
  return head(record) + fmt::format(
                            "network:\n"
                            "{}"
                            "hardware:\n"
                            "{}"
                            "  resolved:\n"
                            "{}",
                            input_section(workload.name, workload.file),
                            input_section(machine.config.name, machine.file),
                            hardware_yaml(machine.config, "    "));
}

std::string points_run_yaml(const RunRecord& record, const Machine& machine,
                            const std::vector<Workload>& workloads,
                            const std::vector<Setting>& varied) {
  std::string text = head(record) + "networks:\n";
  for (const Workload& workload : workloads) {
    text += fmt::format("  - {{name: {}, file: {}, hash: {}}}\n", json_string(workload.name),
                        json_string(workload.file.path), hash_text(workload.hash()));
  }
  text +=
      fmt::format("hardware:\n{}  resolved:\n{}", input_section(machine.config.name, machine.file),
                  hardware_yaml(machine.config, "    "));
  if (varied.empty()) return text;
  text += "vary:\n";
  for (const Setting& setting : varied) {
    text += fmt::format("  - {{key: {}, values: {}}}\n", json_string(setting.key),
                        quoted_list(setting.values));
  }
  return text;
}

std::string sweep_run_yaml(const RunRecord& record, const Sweep& sweep) {
  std::string text = head(record) + fmt::format("points: {}\nfailed: {}\n", sweep.plan().size(),
                                                sweep.num_failed());
  const auto add = [&text](const std::string& name, const InputFile* file) {
    text += fmt::format("  - {{name: {}, file: {}}}\n", json_string(name),
                        file == nullptr ? "null"
                                        : fmt::format("{}, hash: {}", json_string(file->path),
                                                      hash_text(fnv1a64(file->text))));
  };
  text += "networks:\n";
  for (std::size_t i = 0; i < sweep.workloads().size(); ++i) {
    const SweepInput<Workload>& workload = sweep.workloads()[i];
    add(sweep.plan().networks()[i], workload.value ? &workload.value->file : nullptr);
  }
  text += "hardware:\n";
  for (std::size_t i = 0; i < sweep.machines().size(); ++i) {
    const SweepInput<InputFile>& machine = sweep.machines()[i];
    add(sweep.plan().hardware()[i], machine.value ? &*machine.value : nullptr);
  }
  text += sweep.plan().settings().empty() ? "set: []\n" : "set:\n";
  for (const Setting& setting : sweep.plan().settings()) {
    text += fmt::format("  - {{key: {}, values: {}}}\n", json_string(setting.key),
                        quoted_list(setting.values));
  }
  return text;
}

}  // namespace tilewake
