// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "latency_model/cli/fit_report.hpp"
#include "latency_model/cli/latency_model_command.hpp"
#include "latency_model/fit/fit_key.hpp"
#include "latency_model/fit/fitted_file.hpp"
#include "latency_model/fit/machine_evaluation.hpp"
#include "latency_model/fit/machine_fit.hpp"
#include "latency_model/fit/measured_table.hpp"
#include "simulator/api/own_files.hpp"
#include "simulator/cli/formats.hpp"
#include "simulator/cli/inputs.hpp"
#include "simulator/cli/interrupt.hpp"
#include "simulator/cli/journal_file.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/options.hpp"
#include "simulator/cli/output_place.hpp"
#include "simulator/cli/progress.hpp"
#include "simulator/cli/settings.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/cli/units.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/one_line.hpp"
#include "simulator/common/stopwatch.hpp"
#include "simulator/common/version.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "simulator/trace/json_string.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kMaxFitSeed = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMaxFitFolds = 100;
constexpr std::int64_t kMaxFitStarts = 100;
constexpr std::int64_t kMaxFitJobs = 1024;
constexpr std::size_t kMaxDeviceBytes = 200;

using FitFormatter = std::string (*)(const FitReport& report);
using EvaluationFormatter = std::string (*)(const EvaluationReport& report);

// To add a format: one line here.
constexpr std::array<std::pair<std::string_view, FitFormatter>, 2> kFitFormats = {{
    {"table", fit_table},
    {"json", fit_report_json},
}};
constexpr std::array<std::pair<std::string_view, EvaluationFormatter>, 3> kEvaluationFormats = {{
    {"table", measured_evaluation_table},
    {"csv", measured_evaluation_csv},
    {"json", measured_evaluation_json},
}};

struct FitCommandOptions {
  std::string hardware;
  std::string measured;
  std::string net_dir;
  std::vector<std::string> settings;
  std::vector<std::string> vary;
  std::string out;
  std::string device;
  std::string format = "table";
  std::int64_t seed = 1;
  std::int64_t num_folds = FitOptions{}.num_folds;
  std::int64_t num_starts = FitOptions{}.num_starts;
  std::int64_t num_jobs = std::max(1U, std::thread::hardware_concurrency());
  bool evaluate = false;
  bool resume = false;
  bool force = false;
  bool verbose = false;
  bool quiet = false;
};

void add_inputs(Options& options, FitCommandOptions& values) {
  options.required("hw", values.hardware, "FILE", "machine: a name in hw_configs/, or a path");
  options.required("measured", values.measured, "TABLE",
                   "CSV file with the columns network,latency_ms (and batch, std_ms, weight)");
  options.optional("net-dir", values.net_dir, "DIR",
                   "where the networks of TABLE are, by default beside it");
}

void add_common(Options& options, FitCommandOptions& values, const std::string& formats) {
  options.integer("jobs", values.num_jobs, 1, kMaxFitJobs, "N",
                  "processes at a time, by default one per core");
  options.optional("format", values.format, "FORMAT", "what is printed: " + formats);
  options.flag("verbose,v", values.verbose, "log what the work cost");
  options.flag("quiet,q", values.quiet, "suppress warnings and progress");
}

bool parse_fit(const Arguments& arguments, FitCommandOptions& values) {
  Options options(
      "fit",
      "fit --hw FILE --measured TABLE [--net-dir DIR] [--set KEY=VALUE...]\n"
      "                    [--vary KEY...] [--out FILE] [--device TEXT] [--seed N] [--folds K]\n"
      "                    [--starts N] [--jobs N] [--resume | --force] [--format table|json] [-v "
      "| -q]\n"
      "       tilewake fit --evaluate ...",
      "Fits values of a machine file, with which the simulated latencies are nearest to\n"
      "measured ones, and writes the machine file. It prints the error on held-out rows\n"
      "beside that of simple baselines.");
  values.out = "machine.yaml";
  add_inputs(options, values);
  options.list("set", values.settings, "KEY=VALUE...",
               "override a value of the machine before the fit, as in core.lanes=8");
  options.list("vary", values.vary, "KEY...",
               "keys to fit: 'default' (efficiencies, overheads, DRAM), KEY, KEY=LOW..HIGH, or "
               "KEY=CHOICE,...");
  options.optional("out", values.out, "FILE",
                   "the fitted machine; a file of 'tilewake fit' is replaced");
  options.optional(
      "device", values.device, "TEXT",
      "device and runtime that were measured, for the section 'device' of the file; by "
      "default the name of the machine");
  options.integer("seed", values.seed, 0, kMaxFitSeed, "N", "seed of the search and the folds");
  options.integer("folds", values.num_folds, 0, kMaxFitFolds, "K",
                  "number of folds for the held-out error, at most one per network; 0: none");
  options.integer("starts", values.num_starts, 1, kMaxFitStarts, "N", "number of local searches");
  options.flag("resume", values.resume, "continue an interrupted fit");
  options.flag("force", values.force, "start again where an interrupted fit is");
  options.flag("evaluate", values.evaluate,
               "compare a machine with measurements: see 'fit --evaluate --help'");
  add_common(options, values, format_names(kFitFormats));
  if (!options.parse(arguments)) return false;
  if (values.resume && values.force) throw UsageError("--resume and --force exclude each other");
  if (values.device.size() > kMaxDeviceBytes || one_line(values.device) != values.device) {
    throw UsageError(
        fmt::format("--device: must be one line of at most {} bytes", kMaxDeviceBytes));
  }
  return true;
}

bool parse_evaluate(const Arguments& arguments, FitCommandOptions& values) {
  Options options(
      "fit --evaluate",
      "fit --evaluate --hw FILE --measured TABLE [--net-dir DIR]\n"
      "                    [--out FILE] [--jobs N] [--format table|csv|json] [-v | -q]",
      "Compares the simulated latencies of a machine with measured ones: errors beside\n"
      "those of simple baselines, operators, the worst rows.");
  options.flag("evaluate", values.evaluate, "compare");
  add_inputs(options, values);
  options.optional("out", values.out, "FILE.csv", "also write the rows, for 'tilewake report'");
  add_common(options, values, format_names(kEvaluationFormats));
  return options.parse(arguments);
}

void log_workload_warnings(const MeasuredTable& table) {
  for (const MeasuredRow& row : table.rows) {
    for (const std::string& warning : row.workload.warnings) {
      log().warn("{}: {}", row.workload.file.path, warning);
    }
  }
}

/// Hash of what is simulated: the networks of the rows in their order.
std::uint64_t hash_of_networks(const MeasuredTable& table) {
  std::uint64_t hash = fnv1a64("");
  for (const MeasuredRow& row : table.rows) {
    hash = fnv1a64(fmt::format("{:016x} {};", fnv1a64(row.workload.file.text), row.batch), hash);
  }
  return hash;
}

/// The machine of --hw with the values of --set, also in the text of its file.
Machine start_machine(const FitCommandOptions& options) {
  const std::vector<YamlOverride> settings = single_values(parse_settings(options.settings));
  Machine machine = load_machine(options.hardware, settings);
  if (!settings.empty())
    machine.file.text = with_values(machine.file.text, machine.file.path, settings);
  return machine;
}

/// The inputs and settings of a fit, each with a hash or its value: two fits with equal ones have
/// equal results. `--jobs` and `--device` change no search.
nlohmann::ordered_json identity_of(const Machine& machine, const MeasuredTable& table,
                                   const FitCommandOptions& options) {
  return {{"machine", hash_text(fnv1a64(hardware_yaml(machine.config)))},
          {"table", hash_text(fnv1a64(table.file.text))},
          {"networks", hash_text(hash_of_networks(table))},
          {"--vary", hash_text(fnv1a64(fmt::format("{}", fmt::join(options.vary, "\n"))))},
          {"--seed", options.seed},
          {"--folds", options.num_folds},
          {"--starts", options.num_starts}};
}

/// The journal of a fit: what is simulated, so that an interrupted fit continues. Its first line
/// has the identity of the fit. It is removed when the fit is complete.
class FitJournal {
 public:
  ///   @param identity  identity_of() the fit
  FitJournal(std::string path, const MeasuredTable& table, nlohmann::ordered_json identity,
             const FitCommandOptions& options)
      : path_(std::move(path)),
        file_(path_, build_id()),
        identity_(std::move(identity)),
        networks_(hash_of_networks(table)) {
    std::error_code error;
    const bool is_there = std::filesystem::exists(path_, error);
    if (options.resume && !is_there) {
      throw InputError(fmt::format("{}: no such file: there is no fit to resume", path_));
    }
    if (is_there && !options.resume && !options.force) {
      throw InputError(fmt::format(
          "{}: is of an interrupted fit; --resume continues it, --force starts again", path_));
    }
    if (options.resume) read(table);
  }

  const std::vector<std::pair<std::string, RowSimulator::Latencies>>& known() const {
    return known_;
  }

  void add(const std::string& machine, const RowSimulator::Latencies& latencies) {
    file_.add(json_of(machine, latencies), [this] {
      Json head = Json::object();
      head["fit"] = identity_;
      std::string text = file_.line_of(head);
      for (const auto& [id, values] : known_) text += file_.line_of(json_of(id, values));
      return text;
    });
  }

  void remove() const {
    std::error_code error;
    std::filesystem::remove(path_, error);
  }

 private:
  using Json = JournalFile::Json;

  Json json_of(const std::string& machine, const RowSimulator::Latencies& latencies) const {
    Json rows = Json::array();
    Json values = Json::array();
    for (std::size_t i = 0; i < latencies.size(); ++i) {
      if (std::isnan(latencies[i])) continue;
      rows.push_back(i);
      values.push_back(std::isfinite(latencies[i]) ? Json(latencies[i]) : Json());
    }
    return {{"networks", networks_}, {"machine", machine}, {"rows", rows}, {"latency_ms", values}};
  }

  void read(const MeasuredTable& table) {
    std::optional<Json> written;  // the identity of the fit in the file
    const int num_unusable = file_.read([&](const Json& line) {
      if (line.contains("fit")) {
        if (!written) written = line.at("fit");
        return true;
      }
      if (line.at("networks") != networks_) return false;
      RowSimulator::Latencies latencies(table.rows.size(),
                                        std::numeric_limits<double>::quiet_NaN());
      const Json& values = line.at("latency_ms");
      for (std::size_t i = 0; i < values.size(); ++i) {
        const auto row = line.at("rows").at(i).get<std::size_t>();
        if (row >= latencies.size()) return false;
        latencies[row] =
            values[i].is_null() ? std::numeric_limits<double>::infinity() : values[i].get<double>();
      }
      known_.emplace_back(line.at("machine").get<std::string>(), std::move(latencies));
      return true;
    });
    check(written);
    if (num_unusable > 0) {
      log().info("{}: {} {} damaged, of other networks or of another build of the tool", path_,
                 num_unusable, num_unusable == 1 ? "line is" : "lines are");
    }
  }

  void check(const std::optional<Json>& written) const {
    if (written == identity_) return;
    std::string different;
    for (const auto& [name, value] : identity_.items()) {
      if (written && written->is_object() && written->contains(name) && written->at(name) == value)
        continue;
      if (written) different += (different.empty() ? "" : ", ") + name;
    }
    throw InputError(fmt::format(
        "{}: is of another fit: {}; --resume needs the same inputs and settings. Use another "
        "--out, "
        "or --force to start again",
        path_,
        written ? "different " + different
                : "its first line, the record of inputs and settings, is missing, damaged or of "
                  "another build of the tool"));
  }

  std::string path_;
  JournalFile file_;
  Json identity_;
  std::uint64_t networks_;
  std::vector<std::pair<std::string, RowSimulator::Latencies>> known_;
};

void write_fit(const MachineFit& fit, const MeasuredTable& table, const std::string& out) {
  write_output_file(out, fitted_machine_yaml(fit, table));
  write_output_file(
      beside_machine(out, ".fit.csv"),
      fit_rows_csv(table, fit.machine.config.name, fit.start_ms, fit.simulated_ms, fit.holdout_ms));
}

ExitCode evaluate_command(const Arguments& arguments) {
  FitCommandOptions options;
  if (!parse_evaluate(arguments, options)) return ExitCode::kOk;
  set_log_level(options.verbose, options.quiet);
  const EvaluationFormatter format = formatter_of(kEvaluationFormats, options.format);
  const Machine machine = load_machine(options.hardware);
  const MeasuredTable table = read_measured_table(options.measured, options.net_dir);
  log_workload_warnings(table);
  if (!options.out.empty()) {
    check_own_output_file(options.out, kFitRowsFirstLine, "file of rows of 'tilewake fit'");
  }
  const Stopwatch stopwatch;
  std::optional<MachineEvaluation> evaluation;
  {
    const InterruptDelay delay(InterruptDelay::kOneSecond);
    Progress progress("simulated", "networks", static_cast<std::int64_t>(table.rows.size()));
    evaluation = evaluate_machine(machine, table, static_cast<std::size_t>(options.num_jobs),
                                  [&](int done, int /*total*/) {
                                    progress.update_if_due(done);
                                    return !InterruptDelay::is_pending();
                                  });
  }
  log().debug("{} networks in {:.2f} s", table.rows.size(), stopwatch.wall_seconds());
  const EvaluationReport report = {*evaluation, table};
  if (!options.out.empty()) write_output_file(options.out, measured_evaluation_csv(report));
  write_result(format(report));
  return ExitCode::kOk;
}

}  // namespace

ExitCode fit_command(const Arguments& arguments) {
  // No value of an option starts with "--", so this is the flag at any position.
  if (std::find(arguments.begin(), arguments.end(), "--evaluate") != arguments.end()) {
    return evaluate_command(arguments);
  }
  FitCommandOptions options;
  if (!parse_fit(arguments, options)) return ExitCode::kOk;
  set_log_level(options.verbose, options.quiet);
  const FitFormatter format = formatter_of(kFitFormats, options.format);
  const Machine machine = start_machine(options);
  const MeasuredTable table = read_measured_table(options.measured, options.net_dir);
  log_workload_warnings(table);
  const std::vector<FitKey> keys =
      parse_fit_keys(options.vary.empty() ? std::vector<std::string>{"default"} : options.vary,
                     machine.config, table);
  check_own_output_file(options.out, kFittedFirstLine, "machine file of 'tilewake fit'");
  check_own_output_file(beside_machine(options.out, ".fit.csv"), kFitRowsFirstLine,
                        "file of rows of 'tilewake fit'");
  FitJournal journal(beside_machine(options.out, ".fit.jsonl"), table,
                     identity_of(machine, table, options), options);

  const Stopwatch stopwatch;
  std::optional<MachineFit> fit;
  {
    // An interrupt ends the process at the end of the block, after the best machine is written.
    const InterruptDelay delay;
    std::optional<Progress> progress;
    FitOptions fit_options;
    fit_options.device = options.device;
    fit_options.seed = static_cast<std::uint64_t>(options.seed);
    fit_options.num_folds = static_cast<int>(options.num_folds);
    fit_options.num_starts = static_cast<int>(options.num_starts);
    fit_options.num_jobs = static_cast<std::size_t>(options.num_jobs);
    fit_options.known = journal.known();
    fit_options.on_simulated = [&](const std::string& id,
                                   const RowSimulator::Latencies& latencies) {
      journal.add(id, latencies);
    };
    fit_options.keep_going = [&](int done, int total) {
      if (!progress && total > 1) progress.emplace("simulated", "machines", total);
      if (progress) progress->update_if_due(std::min(done, total));
      return !InterruptDelay::is_pending();
    };
    fit = fit_machine(machine, table, keys, fit_options);
    progress.reset();
    write_fit(*fit, table, options.out);
    if (fit->is_complete) {
      journal.remove();
    } else {
      log().info("stopped after {} {}; the best one is in {}, --resume continues",
                 fit->num_machines, fit->num_machines == 1 ? "machine" : "machines", options.out);
    }
  }
  log().debug("{} machines in {:.1f} s", fit->num_machines, stopwatch.wall_seconds());
  for (const std::string& warning : fit->warnings) log().warn(warning);
  write_result(format({*fit, table, options.out}));
  return ExitCode::kOk;
}

}  // namespace tilewake
