// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "simulator/cli/command.hpp"
#include "simulator/cli/explain_report.hpp"
#include "simulator/cli/formats.hpp"
#include "simulator/cli/inputs.hpp"
#include "simulator/cli/interrupt.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/options.hpp"
#include "simulator/cli/progress.hpp"
#include "simulator/cli/run_directory.hpp"
#include "simulator/cli/run_yaml.hpp"
#include "simulator/cli/settings.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/stopwatch.hpp"
#include "simulator/explore/explanation.hpp"
#include "simulator/network/limits.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kMaxExplainJobs = 1024;

using ExplainFormatter = std::string (*)(const ExplainReport& report);

// To add a format: one line here.
constexpr std::array<std::pair<std::string_view, ExplainFormatter>, 3> kExplainFormats = {{
    {"table", explain_table},
    {"csv", explain_csv},
    {"json", explain_json},
}};

struct ExplainCommandOptions {
  std::string hardware;
  std::vector<std::string> networks;
  std::vector<std::string> settings;
  ModelArguments model;
  std::optional<std::int64_t> batch;
  std::string out;
  std::string format = "table";
  std::int64_t num_jobs = std::max(1U, std::thread::hardware_concurrency());
  std::int64_t max_steps = kDefaultMaxSteps;
  bool force = false;
  bool verbose = false;
  bool quiet = false;
};

bool parse_explain(const Arguments& arguments, ExplainCommandOptions& values) {
  Options options(
      "explain",
      fmt::format("explain --hw FILE --net FILE... {}\n"
                  "                        [--batch N] [--set KEY=VALUE...] [--jobs N] "
                  "[--max-steps N]\n"
                  "                        [--out DIR [--force]] [--format table|csv|json] "
                  "[-v | -q]",
                  ModelArguments::kUsage),
      "Explains the latency of a network on a machine: where the time goes by resource,\n"
      "the layers that cause it, and what doubling and halving each value of the machine\n"
      "would change. Every change is simulated.");
  options.required("hw", values.hardware, "FILE", "machine: a name in hw_configs/, or a path");
  options.required_list("net", values.networks, "FILE...",
                        "networks: names in networks/, or paths; of several, changes are judged "
                        "by the sum of the latencies");
  values.model.add_to(options);
  options.integer("batch", values.batch, 1, kMaxBatch, "N", kBatchHelp);
  options.list("set", values.settings, "KEY=VALUE...",
               "override a value of the machine, as in dram.model=ideal");
  options.integer("jobs", values.num_jobs, 1, kMaxExplainJobs, "N",
                  "processes at a time, by default one per core");
  options.integer("max-steps", values.max_steps, 1, kLargestMaxSteps, "N", kMaxStepsHelp);
  options.optional("out", values.out, "DIR", "also write run.yaml, explain.json and changes.csv");
  options.flag("force", values.force,
               "replace the run that is in DIR; refused if other files are there");
  options.optional("format", values.format, "FORMAT",
                   "what is printed: " + format_names(kExplainFormats));
  options.flag("verbose,v", values.verbose, "log what the simulations cost");
  options.flag("quiet,q", values.quiet, "suppress warnings and progress");
  if (!options.parse(arguments)) return false;
  if (values.force && values.out.empty()) throw UsageError("--force needs --out DIR");
  return true;
}

}  // namespace

ExitCode explain_command(const Arguments& arguments) {
  const Stopwatch stopwatch;
  ExplainCommandOptions options;
  if (!parse_explain(arguments, options)) return ExitCode::kOk;
  set_log_level(options.verbose, options.quiet);
  const ExplainFormatter format = formatter_of(kExplainFormats, options.format);
  const std::vector<YamlOverride> fixed = single_values(parse_settings(options.settings));
  std::optional<RunDirectory> directory;
  if (!options.out.empty()) {
    directory.emplace(options.out, options.force ? RunDirectory::Existing::kReplace
                                                 : RunDirectory::Existing::kRefuse);
  }
  const Machine machine = load_machine(options.hardware, fixed);
  std::vector<Workload> workloads;
  for (const std::string& name : listed_names("net", options.networks)) {
    workloads.push_back(load_workload(name, options.model, options.batch));
  }
  PointRunnerOptions runner_options;
  runner_options.num_jobs = static_cast<std::size_t>(options.num_jobs);
  runner_options.mapping = mapping_options(options.max_steps);
  std::optional<Explanation> explanation;
  std::int64_t num_simulated = 0;
  {
    const InterruptDelay delay(InterruptDelay::kOneSecond);
    runner_options.keep_going = [](std::int64_t /*done*/) { return !InterruptDelay::is_pending(); };
    PointRunner runner(machine.file, workloads, runner_options);
    SimulateOptions simulate_options;
    simulate_options.mapping = runner_options.mapping;
    simulate_options.on_layer = [](const LayerProgress& /*progress*/) {
      return !InterruptDelay::is_pending();
    };
    explanation = explain(runner, machine, fixed, simulate_options);
    num_simulated = runner.num_simulated();
  }
  log().debug("{} machines simulated in {:.2f} s", num_simulated, stopwatch.wall_seconds());
  const ExplainReport report = {machine, workloads, *explanation};
  if (directory) {
    RunRecord record;
    record.command_line = {"tilewake", "explain"};
    record.command_line.insert(record.command_line.end(), arguments.begin(), arguments.end());
    record.wall_seconds = stopwatch.wall_seconds();
    record.cpu_seconds = stopwatch.cpu_seconds();
    const std::vector<RunFile> files = {{"explain.json", explain_json(report)},
                                        {"changes.csv", explain_csv(report)}};
    for (const RunFile& file : files) record.files.push_back(file.name);
    directory->write(files, points_run_yaml(record, machine, workloads, {}));
    log().info("wrote the explanation to {}", options.out);
  }
  write_result(format(report));
  return ExitCode::kOk;
}

}  // namespace tilewake
