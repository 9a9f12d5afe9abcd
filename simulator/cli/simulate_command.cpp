// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "simulator/cli/command.hpp"
#include "simulator/cli/formats.hpp"
#include "simulator/cli/inputs.hpp"
#include "simulator/cli/layer_table.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/options.hpp"
#include "simulator/cli/run_directory.hpp"
#include "simulator/cli/run_yaml.hpp"
#include "simulator/cli/settings.hpp"
#include "simulator/cli/simulation.hpp"
#include "simulator/cli/simulation_progress.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/cli/stopwatch.hpp"
#include "simulator/engine/simulator.hpp"
#include "simulator/trace/summary.hpp"
#include "simulator/trace/timeline.hpp"
#include "simulator/trace/trace_csv.hpp"

namespace tilewake {
namespace {

/// What a run leaves: the rows of its layers, their sum, and the timeline if one was asked for.
struct Run {
  std::vector<TraceRow> rows;
  Summary summary;
  std::string timeline;
};

using Formatter = std::string (*)(const Run& run);

// To add a format: one line here.
constexpr std::array<std::pair<std::string_view, Formatter>, 3> kFormats = {{
    {"table", [](const Run& run) { return run_table(run.summary, run.rows, use_color()); }},
    {"csv", [](const Run& run) { return trace_csv(run.rows); }},
    {"json", [](const Run& run) { return run_json(run.summary, run.rows); }},
}};

struct SimulateOptions {
  std::string hardware;
  std::string network;
  std::vector<std::string> settings;
  std::string input_shape;
  std::string out;
  std::string format = "table";
  std::int64_t max_steps = kDefaultMaxSteps;
  bool timeline = false;
  bool sweep = false;
  bool force = false;
  bool verbose = false;
  bool quiet = false;
};

bool parse(const Arguments& arguments, SimulateOptions& values) {
  Options options(
      "simulate",
      "simulate --hw FILE --net FILE [--input-shape N,C,H,W] [--set KEY=VALUE...]\n"
      "                         [--max-steps N] [--out DIR [--timeline] [--force]]\n"
      "                         [--format table|csv|json] [-v | -q]\n"
      "       tilewake simulate --sweep ...",
      "Simulates a network on a machine, exact to the cycle, and prints where every cycle\n"
      "went. The layers of a SCALE-Sim topology are simulated one by one, each reading its\n"
      "feature map from DRAM.");
  options.required("hw", values.hardware, "FILE", "machine: a name in hw_configs/, or a path");
  options.required("net", values.network, "FILE", kNetHelp);
  options.optional("input-shape", values.input_shape, "N,C,H,W", kInputShapeHelp);
  options.list("set", values.settings, "KEY=VALUE...",
               "put a value into the machine, as in dram.num_channels=4");
  options.flag("sweep", values.sweep,
               "several machines, networks and values at once: see 'simulate --sweep --help'");
  options.optional("out", values.out, "DIR",
                   "also write run.yaml, layers.csv and summary.json there");
  options.flag("timeline", values.timeline,
               "also write DIR/timeline.json, which https://ui.perfetto.dev shows");
  options.flag("force", values.force,
               "replace the run that is in DIR; refused if other files are there");
  options.optional("format", values.format, "FORMAT", "what is printed: " + format_names(kFormats));
  options.integer("max-steps", values.max_steps, 1, kLargestMaxSteps, "N", kMaxStepsHelp);
  options.flag("verbose,v", values.verbose, "tell what the simulation cost");
  options.flag("quiet,q", values.quiet, "suppress warnings and progress");
  if (!options.parse(arguments)) return false;
  if (values.out.empty() && values.timeline) throw UsageError("--timeline needs --out DIR");
  if (values.out.empty() && values.force) throw UsageError("--force needs --out DIR");
  return true;
}

/// What the programs of several networks ran on, each name once.
void add_once(const std::string& schedule, std::string& schedules) {
  if (schedules.empty()) {
    schedules = schedule;
  } else if (schedules.find(schedule) == std::string::npos) {
    schedules += " and " + schedule;
  }
}

/// Refuses a list of many layers that would take too long in sum, before the first is simulated.
void check_topology(const Machine& machine, const Workload& workload,
                    const SimulateOptions& options) {
  if (workload.networks.size() == 1) return;
  double steps = 0.0;
  for (const Network& network : workload.networks) {
    const MappingOptions limits = mapping_options(options.max_steps);
    for (const ProgramLayer& layer : map_model(workload.file.path, network, machine, limits).layers)
      steps += layer.steps;
    if (steps <= static_cast<double>(options.max_steps)) continue;
    throw InputError(fmt::format(
        "{}: on {}: simulating the layers up to {} takes about {:.3g} steps, more than {}{}",
        workload.file.path, machine.config.name, network.layers.back().name, steps,
        options.max_steps, limits.hint));
  }
}

/// One network after the other, each from an empty machine.
Run simulate(const Machine& machine, const Workload& workload, const SimulateOptions& options) {
  const HardwareConfig& hardware = machine.config;
  Run run;
  RunInfo info = info_of(machine, workload.file, workload.name);
  TimelineRecorder timeline;
  std::optional<Simulator> simulator;
  SimulationProgress progress;
  MappingOptions mapping_limits = mapping_options(options.max_steps);
  mapping_limits.on_layer = [&](const std::string& layer, std::size_t index, std::size_t number) {
    progress.on_mapping(layer, index, number);
  };
  check_topology(machine, workload, options);
  std::vector<EventSink*> sinks = {&progress};
  if (options.timeline) sinks.push_back(&timeline);
  for (const Network& network : workload.networks) {
    const Stopwatch mapping;
    const Program program = map_model(workload.file.path, network, machine, mapping_limits);
    log().debug("mapping: {:.1f} ms of CPU", 1e3 * mapping.cpu_seconds());
    for (const ProgramLayer& layer : program.layers)
      if (!layer.plan.empty())
        log().debug("{}: {}", network.layers[static_cast<std::size_t>(layer.network_layer)].name,
                    layer.plan);
    for (const std::string& warning : program.warnings) log().warn(warning);

    const Stopwatch engine;
    if (!simulator) simulator.emplace(hardware);
    progress.begin(network, program);
    SimulatedLayers layers = simulate_layers(*simulator, hardware, network, program, sinks);
    const auto cycles = static_cast<double>(layers.result.total_cycles);
    log().debug("engine: {:.1f} ms of CPU, {} kernel steps, {:.1f} M simulated cycles per second",
                1e3 * engine.cpu_seconds(), layers.result.kernel_steps,
                1e-6 * cycles / engine.wall_seconds());

    run.rows.insert(run.rows.end(), std::make_move_iterator(layers.rows.begin()),
                    std::make_move_iterator(layers.rows.end()));
    add_once(program.schedule, info.schedule);
    info.warnings.insert(info.warnings.end(), program.warnings.begin(), program.warnings.end());
    info.num_params += network.num_params();
  }
  run.summary = summarize(info, run.rows);
  if (options.timeline) {
    std::vector<std::string> names;
    for (const TraceRow& row : run.rows) names.push_back(row.layer);
    run.timeline = timeline.to_json(hardware.name, hardware.clock_mhz, names);
  }
  return run;
}

void write_run(const RunDirectory& directory, const Run& run, RunRecord record,
               const Machine& machine, const Workload& workload) {
  std::vector<RunFile> files = {{"layers.csv", trace_csv(run.rows)},
                                {"summary.json", summary_json(run.summary)}};
  if (!run.timeline.empty()) files.push_back({"timeline.json", run.timeline});
  for (const RunFile& file : files) record.files.push_back(file.name);
  directory.write(files, run_yaml(record, machine, workload));
}

}  // namespace

ExitCode simulate_command(const Arguments& arguments) {
  // No value of an option looks like this, so it is the flag, wherever it stands.
  if (std::find(arguments.begin(), arguments.end(), "--sweep") != arguments.end()) {
    return sweep_command(arguments);
  }
  const Stopwatch stopwatch;
  SimulateOptions options;
  if (!parse(arguments, options)) return ExitCode::kOk;
  set_log_level(options.verbose, options.quiet);
  const Formatter format = formatter_of(kFormats, options.format);
  const std::vector<YamlOverride> settings = single_values(parse_settings(options.settings));
  std::optional<RunDirectory> directory;
  if (!options.out.empty()) {
    directory.emplace(options.out, options.force ? RunDirectory::Existing::kReplace
                                                 : RunDirectory::Existing::kRefuse);
  }

  const Machine machine = read_machine(options.hardware, settings);
  const Workload workload = read_workload(options.network, parse_input_shape(options.input_shape));
  if (options.timeline && workload.networks.size() > 1) {
    throw InputError(workload.file.path +
                     ": --timeline shows one network, not the layers of a topology");
  }
  const Run run = simulate(machine, workload, options);
  if (directory) {
    RunRecord record;
    record.command_line = {"tilewake", "simulate"};
    record.command_line.insert(record.command_line.end(), arguments.begin(), arguments.end());
    record.wall_seconds = stopwatch.wall_seconds();
    record.cpu_seconds = stopwatch.cpu_seconds();
    write_run(*directory, run, std::move(record), machine, workload);
    log().info("wrote the run to {}", options.out);
  }
  write_result(format(run));
  return ExitCode::kOk;
}

}  // namespace tilewake
