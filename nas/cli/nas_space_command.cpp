// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nas/cli/nas_command.hpp"
#include "nas/cli/search_directory.hpp"
#include "nas/cli/search_session.hpp"
#include "nas/cli/space_report.hpp"
#include "simulator/api/data_files.hpp"
#include "simulator/api/worker_pool.hpp"
#include "simulator/cli/interrupt.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/output_place.hpp"
#include "simulator/cli/run_manifest.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/output_ledger.hpp"
#include "simulator/common/stopwatch.hpp"
#include "simulator/common/text_table.hpp"
#include "simulator/common/version.hpp"
#include "simulator/trace/json_string.hpp"

namespace tilewake {
namespace {

// A design compares layers of one machine. Models of 100 networks err by 0.01 to 1.06 % (mean over
// the 19 shipped networks, nine machines), those of 1500 by 0.01 to 0.93 %.
constexpr int kNumCalibrationNetworks = 100;

constexpr const char* kSpaceMark = "# Search spaces of tilewake.";

/// The command line of `tilewake nas space`.
struct SpaceOptions {
  std::string hardware;        // "midap,dsp_like"
  std::string targets;         // latency
  std::string energy_targets;  // instead of latency
  std::string space = "operators_fashion";
  std::string profile = "model";
  std::string model;
  std::string out;
  std::string format = "table";
  std::int64_t keep = 4;
  double rho = 1.5;
  std::int64_t seed = 1;
  bool force = false;
  bool verbose = false;
  bool quiet = false;

  std::vector<std::string> machines;  // of `hardware`
  std::vector<double> limits;         // one per machine, in `unit`
  CostUnit unit = CostUnit::kMs;
  std::vector<std::string> models;  // none, or one per machine
};

/// Fills `values`. Returns false if --help is given; throws UsageError.
bool parse_space_options(const Arguments& arguments, SpaceOptions& values) {
  constexpr std::size_t kMaxMachines = 32;
  const auto num_operators = static_cast<std::int64_t>(operator_pool().size());
  Options options(
      "nas space",
      "nas space --hw FILE[,FILE...] --target-ms T[,T...]|--target-mj E[,E...] [--space FILE] "
      "[--profile "
      "model|simulate]\n"
      "                          [--model FILE[,FILE...]] [--keep N] [--rho X] [--out DIR] ...",
      "Makes a search space of operators for a machine: profiles the operators of the pool at\n"
      "every position, scores them by capacity over latency, keeps the best, and prints the\n"
      "scores. For several machines, also prints how much their spaces have in common.");
  options.required("hw", values.hardware, "FILE[,FILE...]",
                   "machines: names in hw_configs/, or paths");
  options.optional("target-ms", values.targets, "T[,T...]",
                   "latency limit in ms: one for all machines, or one for each");
  options.optional(
      "target-mj", values.energy_targets, "E[,E...]",
      "energy limit in mJ an inference, instead: operators are scored by capacity over "
      "energy");
  options.optional(
      "space", values.space, "FILE",
      "space of operators whose positions are filled: a name in nas/spaces/, or a path");
  options.optional("profile", values.profile, "model|simulate",
                   "source of latencies and energies: a latency model, or the simulator");
  options.optional("model", values.model, "FILE[,FILE...]",
                   "latency models of the machines, in their order, from 'tilewake calibrate'; "
                   "none: calibrate now");
  options.integer("keep", values.keep, 1, num_operators, "N",
                  "maximum number of operators per position, besides identity");
  std::optional<double> rho = values.rho;
  options.number(
      "rho", rho, "X",
      "latency limit of the most capable operator, as a multiple of its position's share");
  options.integer("seed", values.seed, 0, std::numeric_limits<std::int64_t>::max(), "N",
                  "seed of the calibration");
  options.optional("out", values.out, "DIR",
                   "also write space.yaml and operators.csv there; for several machines, "
                   "space-NAME.yaml and operators-NAME.csv");
  options.flag("force", values.force, "replace what is in DIR");
  options.optional("format", values.format, "table|json|csv", "what is printed");
  options.flag("verbose,v", values.verbose, "log more on standard error");
  options.flag("quiet,q", values.quiet, "suppress warnings");
  if (!options.parse(arguments)) return false;
  values.rho = rho.value_or(values.rho);
  if (!(values.rho > 0.0)) throw UsageError("option '--rho' must be above 0");
  if (values.out.empty() && values.force) throw UsageError("--force needs --out DIR");
  values.machines = words_of("--hw", values.hardware);
  if (values.machines.size() > kMaxMachines)
    throw UsageError(fmt::format("option '--hw': at most {} machines", kMaxMachines));
  if (values.targets.empty() == values.energy_targets.empty())
    throw UsageError("a space is made for one limit: give --target-ms or --target-mj");
  values.unit = values.targets.empty() ? CostUnit::kMj : CostUnit::kMs;
  const std::string option = values.targets.empty() ? "--target-mj" : "--target-ms";
  values.limits =
      numbers_of(option, values.targets.empty() ? values.energy_targets : values.targets);
  if (values.limits.size() == 1)
    values.limits.assign(values.machines.size(), values.limits.front());
  if (values.limits.size() != values.machines.size()) {
    throw UsageError(
        fmt::format("option '{}' has {} limits for {} machines: give one limit, or one "
                    "for each",
                    option, values.limits.size(), values.machines.size()));
  }
  check_word("--profile", values.profile, {"model", "simulate"});
  if (!values.model.empty()) {
    if (values.profile != "model") throw UsageError("--model needs --profile model");
    values.models = words_of("--model", values.model);
    if (values.models.size() != values.machines.size()) {
      throw UsageError(
          fmt::format("option '--model' has {} files for {} machines: give one for each",
                      values.models.size(), values.machines.size()));
    }
  }
  check_word("--format", values.format, {"table", "json", "csv"});
  return true;
}

/// The design for machine `index`, as text for the parent process.
std::string design_text(const SpaceOptions& options, const OperatorSpace& space,
                        std::size_t index) {
  NasOptions nas;
  nas.hardware = options.machines[index];
  nas.num_threads = 1;
  SearchSession session(nas);
  const double clock_mhz = session.machine().config.clock_mhz;
  std::optional<Predictor> predictor;
  std::optional<EnergyModel> energy;
  if (options.profile == "model") {
    const std::optional<LatencyModel> model =
        options.models.empty()
            ? session.calibrate(static_cast<std::uint64_t>(options.seed), kNumCalibrationNetworks)
            : read_model_of(session.machine(), options.models[index]);
    if (!model) return "";  // interrupted
    predictor.emplace(*model);
    energy = model->energy;
    if (options.unit == CostUnit::kMj && !energy) {
      throw InputError(fmt::format(
          "--target-mj: the latency model of machine {} has no energies: all of section 'energy' "
          "are 0, or {}",
          session.machine().config.name,
          options.models.empty() ? "none was learnt" : "it is of an earlier version"));
    }
  }
  const bool is_energy = options.unit == CostUnit::kMj;
  const LatencyEstimate estimate = [&](const Network& network) {
    if (is_energy) {
      return predictor ? predict_energy(*energy, *predictor, network).total_cycles
                       : session.simulated(network).mj;
    }
    return predictor ? predictor->predict(network).total_cycles / (clock_mhz * 1e3)
                     : session.simulated_ms(network);
  };
  MachineSpace result;
  result.machine = session.machine().config.name;
  result.unit = options.unit;
  result.target_ms = options.limits[index];
  result.design = design_space(
      space, {result.target_ms, static_cast<int>(options.keep), options.rho}, estimate);
  result.space = with_operators(space, result.design);
  result.space.name = fmt::format("{}_{}", space.name, result.machine);
  const OperatorPath best = best_scores(result.space, result.design);
  result.best_ms = estimate(to_network(architecture_of(result.space, best)));
  const OperatorPath fastest = fastest_operators(result.space, result.design);
  result.fastest_ms = estimate(to_network(architecture_of(result.space, fastest)));
  return machine_space_text(result);
}

/// Designs each space in a separate process, in parallel.
std::vector<MachineSpace> design_all(const SpaceOptions& options, const OperatorSpace& space) {
  WorkerPool pool(std::max(1U, std::thread::hardware_concurrency()));
  std::vector<MachineSpace> spaces(options.machines.size());
  std::size_t next = 0;
  while (next < options.machines.size() || !pool.is_idle()) {
    if (next < options.machines.size() && pool.start(static_cast<std::int64_t>(next), [&, next] {
          return design_text(options, space, next);
        })) {
      ++next;
      continue;
    }
    for (const WorkerPool::Result& result : pool.wait()) {
      if (InterruptDelay::is_pending()) return {};
      if (result.code == ExitCode::kBadInput) throw InputError(result.text);
      if (result.code != ExitCode::kOk || result.was_killed || result.text.empty())
        throw std::runtime_error(result.text.empty() ? "a process was killed" : result.text);
      spaces[static_cast<std::size_t>(result.id)] = machine_space_of(result.text);
    }
  }
  return spaces;
}

/// "space.yaml", "operators.csv", or for several machines "space-NAME.yaml", "operators-NAME.csv".
bool is_space_file(std::string_view name) {
  const auto is_between = [name](std::string_view first, std::string_view last) {
    return name.size() >= first.size() + last.size() && name.substr(0, first.size()) == first &&
           name.substr(name.size() - last.size()) == last &&
           name.find_first_of("/\n") == std::string_view::npos;
  };
  return name == "run.yaml" || name == "space.yaml" || name == "operators.csv" ||
         is_between("space-", ".yaml") || is_between("operators-", ".csv");
}

void check_out(const SpaceOptions& options) {
  if (options.out.empty()) return;
  check_writable(options.out);
  const RunManifest manifest = flat_manifest(options.out, is_space_file);
  manifest.check(options.force ? RunManifest::Others::kRefused : RunManifest::Others::kKept);
  if (!std::filesystem::exists(options.out + "/run.yaml")) return;
  check_run_mark(options.out, kSpaceMark);
  if (!options.force) {
    throw InputError(
        fmt::format("{}: holds a run already (run.yaml); --force replaces its files", options.out));
  }
}

void write_out(const SpaceOptions& options, const Arguments& arguments,
               const std::vector<MachineSpace>& spaces) {
  if (options.out.empty()) return;
  check_out(options);  // again, as the work took minutes
  RunManifest manifest = flat_manifest(options.out, is_space_file);
  if (manifest.exists()) manifest.remove_run("run.yaml");
  const OutputLedger ledger([&manifest](const std::string& path) { manifest.add(path); });
  make_directory_of(options.out + "/run.yaml");
  for (const MachineSpace& machine : spaces) {
    const std::string suffix = spaces.size() == 1 ? "" : "-" + machine.machine;
    write_file_atomically(fmt::format("{}/space{}.yaml", options.out, suffix),
                          operator_space_yaml(machine.space));
    write_file_atomically(fmt::format("{}/operators{}.csv", options.out, suffix),
                          space_design_csv(machine.design, cost_column(machine.unit)));
  }
  std::vector<std::string> words = {"tilewake", "nas", "space"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  for (std::string& word : words) word = json_string(word);
  write_file_atomically(options.out + "/run.yaml",
                        fmt::format("{}\nversion: {}\ncommand: [{}]\n", kSpaceMark, kVersion,
                                    fmt::join(words, ", ")));
}

std::string report(const std::string& format, const std::vector<MachineSpace>& spaces) {
  if (format == "json") return spaces_json(spaces);
  if (format == "csv") return spaces_csv(spaces);
  return wrapped_lines(spaces_table(spaces), output_columns());
}

}  // namespace

ExitCode nas_space_command(const Arguments& arguments) {
  const Stopwatch stopwatch;
  SpaceOptions options;
  if (!parse_space_options(arguments, options)) return ExitCode::kOk;
  set_log_level(options.verbose, options.quiet);
  const InputFile file = read_space_file(options.space);
  const OperatorSpace space = read_operator_space_text(file.text, file.path);
  std::set<std::string> names;
  for (const std::string& hardware : options.machines) {
    if (!names.insert(read_machine(hardware).config.name).second)
      throw InputError(fmt::format("--hw {}: a machine of this name is given twice", hardware));
  }
  check_out(options);
  const InterruptDelay delay;
  const std::vector<MachineSpace> spaces = design_all(options, space);
  if (InterruptDelay::is_pending()) return ExitCode::kInterrupted;
  write_out(options, arguments, spaces);
  write_result(report(options.format, spaces));
  log().info("space finished after {:.1f} s", stopwatch.wall_seconds());
  return ExitCode::kOk;
}

}  // namespace tilewake
