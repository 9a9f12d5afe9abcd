// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "simulator/api/simulation.hpp"
#include "simulator/cli/command.hpp"
#include "simulator/cli/formats.hpp"
#include "simulator/cli/inputs.hpp"
#include "simulator/cli/interrupt.hpp"
#include "simulator/cli/layer_table.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/options.hpp"
#include "simulator/cli/run_directory.hpp"
#include "simulator/cli/run_traces.hpp"
#include "simulator/cli/run_yaml.hpp"
#include "simulator/cli/settings.hpp"
#include "simulator/cli/simulation_progress.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/stopwatch.hpp"
#include "simulator/common/text_table.hpp"
#include "simulator/network/limits.hpp"
#include "simulator/trace/summary.hpp"
#include "simulator/trace/trace_csv.hpp"

namespace tilewake {
namespace {

/// The result of a run: the rows of its layers, their summary, and the timeline with --timeline.
struct Run {
  std::vector<TraceRow> rows;
  Summary summary;
  std::string timeline;
};

using RunFormatter = std::string (*)(const Run& run);

// To add a format: one line here.
constexpr std::array<std::pair<std::string_view, RunFormatter>, 3> kRunFormats = {{
    {"table",
     [](const Run& run) {
       const std::size_t columns = output_columns();
       return wrapped_lines(run_table(run.summary, run.rows, use_color(), columns), columns);
     }},
    {"csv", [](const Run& run) { return trace_csv(run.rows); }},
    {"json", [](const Run& run) { return run_json(run.summary, run.rows); }},
}};

struct CommandOptions {
  std::string hardware;
  std::string network;
  std::vector<std::string> settings;
  ModelArguments model;
  std::optional<std::int64_t> batch;
  std::string out;
  std::string format = "table";
  std::int64_t max_steps = kDefaultMaxSteps;
  TraceOptions traces;
  bool cold = false;
  bool sweep = false;
  bool functional = false;
  bool explain = false;
  bool force = false;
  bool verbose = false;
  bool quiet = false;
};

bool parse(const Arguments& arguments, CommandOptions& values) {
  Options options(
      "simulate",
      fmt::format("simulate --hw FILE --net FILE {} [--batch N]\n"
                  "                         [--set KEY=VALUE...] [--cold] [--max-steps N]\n"
                  "                         [--out DIR [--timeline]] [--force]\n"
                  "                         [--vcd FILE [--window A:B]] [--dram-trace FILE\n"
                  "                         [--dram-trace-format ramulator|dramsys]]\n"
                  "                         [--format table|csv|json] [-v | -q]\n"
                  "       tilewake simulate --sweep ...\n"
                  "       tilewake simulate --functional ...\n"
                  "       tilewake simulate --explain ...",
                  ModelArguments::kUsage),
      "Simulates a network on a machine, exact to the cycle, and prints where every cycle\n"
      "went. The layers of a SCALE-Sim topology are simulated one by one, each reading its\n"
      "feature map from DRAM.");
  options.required("hw", values.hardware, "FILE", "machine: a name in hw_configs/, or a path");
  options.required("net", values.network, "FILE", kNetHelp);
  values.model.add_to(options);
  options.integer("batch", values.batch, 1, kMaxBatch, "N", kBatchHelp);
  options.list("set", values.settings, "KEY=VALUE...",
               "override a value of the machine, as in dram.num_channels=4");
  options.flag("cold", values.cold,
               "the first inference: weights that stay on chip between inferences "
               "(core.resident_weights) are loaded from DRAM; without it they are there");
  options.flag("sweep", values.sweep,
               "simulate many configurations in parallel: see 'simulate --sweep --help'");
  options.flag("functional", values.functional,
               "compute the numbers of images tile by tile, too: see 'simulate --functional "
               "--help'");
  options.flag("explain", values.explain,
               "explain the latency instead: see 'explain --help', whose options apply");
  options.optional("out", values.out, "DIR",
                   "also write run.yaml, layers.csv and summary.json there");
  options.flag("force", values.force,
               "replace the run that is in DIR (refused if other files are there), and the files "
               "of --vcd and --dram-trace");
  values.traces.add_to(options);
  options.optional("format", values.format, "FORMAT",
                   "what is printed: " + format_names(kRunFormats));
  options.integer("max-steps", values.max_steps, 1, kLargestMaxSteps, "N", kMaxStepsHelp);
  options.flag("verbose,v", values.verbose, "log what the simulation cost");
  options.flag("quiet,q", values.quiet, "suppress warnings and progress");
  if (!options.parse(arguments)) return false;
  if (values.out.empty() && values.traces.timeline) throw UsageError("--timeline needs --out DIR");
  if (values.force && values.out.empty() && values.traces.vcd.empty() &&
      values.traces.dram_trace.empty()) {
    throw UsageError("--force needs --out DIR, --vcd FILE or --dram-trace FILE");
  }
  values.traces.check(options);
  return true;
}

void log_network(const SimulatedNetwork& network) {
  log().debug("mapping: {:.1f} ms of CPU", 1e3 * network.mapping_seconds);
  for (const auto& [layer, plan] : network.plans) log().debug("{}: {}", layer, plan);
  for (const std::string& warning : network.warnings) log().warn(warning);
  log().debug("engine: {:.1f} ms of CPU, {} kernel steps, {:.1f} M simulated cycles per second",
              1e3 * network.engine_seconds, network.kernel_steps,
              1e-6 * static_cast<double>(network.total_cycles) / network.engine_seconds);
}

bool keeps_weights(const HardwareConfig& hardware) {
  return std::visit(
      [](const auto& core) {
        if constexpr (requires { core.feature_memory; }) {
          return core.feature_memory.keeps_weights;
        } else {
          return false;
        }
      },
      hardware.core);
}

Run run_of(const Machine& machine, const Workload& workload, const CommandOptions& options,
           RunTraces& traces) {
  SimulationProgress progress;
  SimulateOptions simulate_options;
  simulate_options.mapping = mapping_options(options.max_steps);
  simulate_options.mapping.cold = options.cold;
  if (options.cold && !keeps_weights(machine.config))
    log().warn("--cold changes nothing: no weights stay on {} (core.resident_weights)",
               machine.config.name);
  simulate_options.mapping.on_layer = [&](const std::string& layer, std::size_t index,
                                          std::size_t num_layers) {
    if (InterruptDelay::is_pending()) throw Interrupted();
    progress.on_mapping(layer, index, num_layers);
  };
  simulate_options.on_program = [&](const Network& network, const Program& program) {
    progress.begin(network, program);
  };
  simulate_options.on_network = log_network;
  simulate_options.events = traces.sinks();
  simulate_options.events.push_back(&progress);
  Simulation simulation = simulate(machine, workload, simulate_options);
  Run run{std::move(simulation.layers), std::move(simulation.summary), ""};
  run.timeline = traces.finish(run.rows);
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
  // No value of an option starts with "--", so this is the flag at any position.
  if (std::find(arguments.begin(), arguments.end(), "--sweep") != arguments.end()) {
    TraceOptions::refuse(arguments);
    return sweep_command(arguments);
  }
  if (const auto explain = std::find(arguments.begin(), arguments.end(), "--explain");
      explain != arguments.end()) {
    Arguments others(arguments.begin(), explain);
    others.insert(others.end(), explain + 1, arguments.end());
    return explain_command(others);
  }
  const Stopwatch stopwatch;
  CommandOptions options;
  if (!parse(arguments, options)) return ExitCode::kOk;
  set_log_level(options.verbose, options.quiet);
  const RunFormatter format = formatter_of(kRunFormats, options.format);
  const std::vector<YamlOverride> settings = single_values(parse_settings(options.settings));
  std::optional<RunDirectory> directory;
  if (!options.out.empty()) {
    directory.emplace(options.out, options.force ? RunDirectory::Existing::kReplace
                                                 : RunDirectory::Existing::kRefuse);
  }
  options.traces.check_places(options.out, options.force);

  const Machine machine = load_machine(options.hardware, settings);
  const Workload workload = load_workload(options.network, options.model, options.batch);
  RunTraces traces(options.traces, machine, workload);
  const Run run = run_of(machine, workload, options, traces);
  if (directory) {
    RunRecord record;
    record.command_line = {"tilewake", "simulate"};
    record.command_line.insert(record.command_line.end(), arguments.begin(), arguments.end());
    record.wall_seconds = stopwatch.wall_seconds();
    record.cpu_seconds = stopwatch.cpu_seconds();
    write_run(*directory, run, std::move(record), machine, workload);
    log().info("wrote the run to {}", options.out);
  }
  traces.write();
  write_result(format(run));
  return ExitCode::kOk;
}

}  // namespace tilewake
