// SPDX-License-Identifier: Apache-2.0
// `nas run --hw-space`: the directory of a joint search.
#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nas/cli/joint_report.hpp"
#include "nas/cli/joint_search.hpp"
#include "nas/cli/search_directory.hpp"
#include "simulator/api/inputs.hpp"
#include "simulator/cli/interrupt.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/run_manifest.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/output_ledger.hpp"
#include "simulator/common/regular_file.hpp"
#include "simulator/common/stopwatch.hpp"
#include "simulator/common/version.hpp"
#include "simulator/energy/energy_table.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "simulator/trace/json_string.hpp"

namespace tilewake {
namespace {

constexpr const char* kJointMark = "# A joint search of tilewake.";

/// Excludes the files of the runs, each of which has its own manifest.
bool is_joint_file(std::string_view name) {
  constexpr std::string_view kNames[] = {"run.yaml",     "hw_space.yaml", "machine.yaml",
                                         "pairs.csv",    "front.csv",     "architecture.yaml",
                                         "summary.json", "decisions.log"};
  if (std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames)) return true;
  constexpr std::string_view kMachine = "machine-";
  constexpr std::string_view kYaml = ".yaml";
  if (!name.starts_with(kMachine) || !name.ends_with(kYaml)) return false;
  const std::string_view round =
      name.substr(kMachine.size(), name.size() - kMachine.size() - kYaml.size());
  return !round.empty() && round.size() < 3 &&
         round.find_first_not_of("0123456789") == std::string_view::npos;
}

void write_joint_yaml(const NasOptions& options, const Arguments& arguments, const Machine& machine,
                      const Stopwatch& stopwatch, bool is_complete) {
  std::vector<std::string> words = {"tilewake", "nas", "run"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  for (std::string& word : words) word = json_string(word);
  make_directory_of(options.out + "/run.yaml");
  write_file_atomically(
      options.out + "/run.yaml",
      fmt::format("{}\nversion: {}\ncommand: [{}]\ncomplete: {}\nwall_seconds: {:.1f}\n"
                  "cpu_seconds: {:.1f}\nseed: {}\nhw_rounds: {}\nhw_space_file: {}\nhardware:\n"
                  "  file: {}\n  machine: {}\n",
                  kJointMark, kVersion, fmt::join(words, ", "), is_complete,
                  stopwatch.wall_seconds(), stopwatch.cpu_seconds(), options.seed,
                  options.num_hw_rounds, json_string(options.hw_space),
                  json_string(machine.file.path), json_string(machine_id(machine.config))));
}

/// Throws InputError if no machine of the space is possible, which the exploration would say only
/// after the first search. Of a large space the first kMaxTried are tried, and nothing is said.
void check_possible(const HardwareSpace& space, const Machine& machine) {
  constexpr int kMaxTried = 4096;
  std::vector<std::size_t> values(space.keys.size());
  std::string first_error;
  for (int tried = 0; tried < kMaxTried; ++tried) {
    std::vector<YamlOverride> settings;
    for (std::size_t k = 0; k < values.size(); ++k)
      settings.push_back({space.keys[k].key, space.keys[k].values[values[k]]});
    try {
      read_machine_text(machine.file.text, machine.file.path, settings);
      return;
    } catch (const InputError& error) {
      if (first_error.empty()) first_error = error.what();
    }
    std::size_t k = 0;
    while (k < values.size() && ++values[k] == space.keys[k].values.size()) values[k++] = 0;
    if (k < values.size()) continue;
    throw InputError(
        fmt::format("no machine of the space is possible; the first one: {}", first_error));
  }
}

/// A search with other machines is another search.
void check_same_space(const NasOptions& options, const std::string& text) {
  const std::string path = options.out + "/hw_space.yaml";
  if (!options.resume || !std::filesystem::exists(path) || read_text_file(path) == text) return;
  throw InputError(fmt::format(
      "{}: differs from {}, with which the search was started (or the area of --hw does); use "
      "another --out",
      options.hw_space, path));
}

void write_joint_result(const JointResult& result, const Machine& start,
                        const std::string& directory) {
  const JointPair& best = result.pairs[result.best];
  // A machine that was searched on keeps its name, so that the latency model of its run is for it.
  write_file_atomically(directory + "/machine.yaml",
                        best.is_own && best.run > 0
                            ? read_text_file(fmt::format("{}/machine-{}.yaml", directory, best.run))
                            : variant_yaml(start, best.settings, "_joint"));
  write_file_atomically(directory + "/architecture.yaml",
                        read_text_file(fmt::format("{}/{}/architecture.yaml", directory,
                                                   result.runs[best.run].name)));
  write_file_atomically(directory + "/pairs.csv", joint_csv(result, /*only_front=*/false));
  write_file_atomically(directory + "/front.csv", joint_csv(result, /*only_front=*/true));
  write_file_atomically(directory + "/summary.json", joint_json(result));
  write_file_atomically(directory + "/decisions.log",
                        fmt::format("{}\n", fmt::join(result.log, "\n")));
}

}  // namespace

ExitCode run_joint_search(const NasOptions& options, const Arguments& arguments) {
  const Stopwatch stopwatch;
  SearchSession session(options);
  const Machine& machine = session.machine();
  const HardwareSpace space =
      read_hardware_space_text(read_text_file(options.hw_space), options.hw_space, machine,
                               energy_table(machine.config).area_mm2);
  const std::string space_text = hardware_space_yaml(space);
  session.request(options, "run", arguments);  // checks all inputs before anything is written
  check_same_space(options, space_text);
  check_possible(space, machine);
  RunManifest manifest =
      claim_runs_directory(options.out, options.resume, kJointMark, "joint search", is_joint_file);
  const InterruptDelay delay;
  const OutputLedger ledger([&manifest](const std::string& path) { manifest.add(path); });
  write_joint_yaml(options, arguments, machine, stopwatch, false);
  write_file_atomically(options.out + "/hw_space.yaml", space_text);
  try {
    const JointResult result = search_jointly(options, arguments, session, space);
    write_joint_result(result, machine, options.out);
    const bool is_any_refused = std::any_of(result.runs.begin(), result.runs.end(),
                                            [](const JointRun& run) { return run.is_refused; });
    write_joint_yaml(options, arguments, machine, stopwatch, !is_any_refused);
    manifest.tidy();
    write_result(options.format == "json" ? joint_json(result) : joint_table(result, options.out));
    log().info("run finished after {:.0f} s; the runs are in {}", stopwatch.wall_seconds(),
               options.out);
    return is_any_refused ? ExitCode::kBadInput : ExitCode::kOk;
  } catch (const TargetMissed& missed) {
    return report_miss(missed, options.out + "/fixed");
  } catch (const Interrupted&) {
    log().info("interrupted; all results are kept, --resume continues from here");
    return ExitCode::kInterrupted;
  }
}

}  // namespace tilewake
