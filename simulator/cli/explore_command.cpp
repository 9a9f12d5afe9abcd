// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "simulator/cli/command.hpp"
#include "simulator/cli/explore_report.hpp"
#include "simulator/cli/formats.hpp"
#include "simulator/cli/inputs.hpp"
#include "simulator/cli/interrupt.hpp"
#include "simulator/cli/journal_directory.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/options.hpp"
#include "simulator/cli/progress.hpp"
#include "simulator/cli/run_yaml.hpp"
#include "simulator/cli/settings.hpp"
#include "simulator/cli/shard_directory.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/cli/units.hpp"
#include "simulator/common/one_line.hpp"
#include "simulator/common/stopwatch.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/explore/explorer.hpp"
#include "simulator/explore/hardware_space.hpp"
#include "simulator/network/limits.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kMaxExploreJobs = 1024;
constexpr std::int64_t kMaxExploreSeed = std::numeric_limits<std::int64_t>::max();

using ExploreFormatter = std::string (*)(const ExploreReport& report);

// To add a format: one line here.
constexpr std::array<std::pair<std::string_view, ExploreFormatter>, 3> kExploreFormats = {{
    {"table", explore_table},
    {"csv", explore_csv},
    {"json", explore_json},
}};

struct ExploreCommandOptions {
  std::string hardware;
  std::vector<std::string> networks;
  std::vector<std::string> vary;
  std::vector<std::string> objectives;
  std::vector<std::string> limits;
  std::vector<std::string> settings;
  ModelArguments model;
  std::optional<std::int64_t> batch;
  std::string out;
  std::string shard;
  std::string format = "table";
  std::int64_t num_evaluations = static_cast<std::int64_t>(ExploreOptions{}.max_evaluations);
  std::int64_t seed = 1;
  std::int64_t num_jobs = std::max(1U, std::thread::hardware_concurrency());
  std::int64_t max_steps = kDefaultMaxSteps;
  bool exhaustive = false;
  bool resume = false;
  bool force = false;
  bool verbose = false;
  bool quiet = false;
};

std::string objective_names() {
  std::string names;
  for (const Objective& objective : objectives()) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", objective.name);
  }
  return names;
}

std::string limit_names() {
  std::string names;
  for (const Objective& objective : objectives()) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", objective.key);
  }
  return names;
}

bool parse_explore(const Arguments& arguments, ExploreCommandOptions& values) {
  Options options(
      "explore",
      fmt::format("explore --hw FILE --net FILE,... --vary KEY=VALUE,...|KEY=LOW..HIGH...\n"
                  "                        {}\n"
                  "                        [--objective NAME,...] [--limit NAME=VALUE...] "
                  "[--set KEY=VALUE...] [--batch N]\n"
                  "                        [--evaluations N | --exhaustive] [--seed N] [--jobs N] "
                  "[--max-steps N]\n"
                  "                        [--out DIR [--resume | --force | --shard I/N]] "
                  "[--format table|csv|json] [-v | -q]",
                  ModelArguments::kUsage),
      "Searches the values of a machine for the Pareto front of several objectives: all\n"
      "combinations where they are few, otherwise by NSGA-II. Figures of several networks\n"
      "are added. After Ctrl-C it prints the front so far; with --out, --resume continues.");
  options.required("hw", values.hardware, "FILE", "machine: a name in hw_configs/, or a path");
  options.required_list("net", values.networks, "FILE,...",
                        "networks: names in networks/, or paths");
  options.required_list("vary", values.vary, "KEY=VALUE,...",
                        "values of a key of the machine, as in core.rows=8,16,32 or, doubling, "
                        "core.rows=8..32");
  values.model.add_to(options);
  options.list(
      "objective", values.objectives, "NAME,...",
      "what is minimized: some of " + objective_names() + "; by default latency, energy and area");
  options.list("limit", values.limits, "NAME=VALUE...",
               "largest value of a figure: some of " + limit_names());
  options.list("set", values.settings, "KEY=VALUE...",
               "override a value of the machine in all points");
  options.integer("batch", values.batch, 1, kMaxBatch, "N", kBatchHelp);
  options.integer("evaluations", values.num_evaluations, 1,
                  static_cast<std::int64_t>(ExploreOptions::kMaxExhaustive), "N",
                  "machines to simulate; all combinations if there are no more");
  options.flag("exhaustive", values.exhaustive, "simulate all combinations");
  options.integer("seed", values.seed, 0, kMaxExploreSeed, "N", "seed of NSGA-II");
  options.integer("jobs", values.num_jobs, 1, kMaxExploreJobs, "N",
                  "processes at a time, by default one per core");
  options.integer("max-steps", values.max_steps, 1, kLargestMaxSteps, "N", kMaxStepsHelp);
  options.optional("out", values.out, "DIR", "also write run.yaml and explore.csv there");
  options.flag("resume", values.resume,
               "simulate only points that are missing in DIR or have changed");
  options.flag("force", values.force,
               "replace the run that is in DIR; refused if other files are there");
  options.optional("shard", values.shard, "I/N|auto", kShardHelp);
  options.optional("format", values.format, "FORMAT",
                   "what is printed: " + format_names(kExploreFormats));
  options.flag("verbose,v", values.verbose, "log what the exploration cost");
  options.flag("quiet,q", values.quiet, "suppress warnings and progress");
  if (!options.parse(arguments)) return false;
  if (values.out.empty() && values.resume) throw UsageError("--resume needs --out DIR");
  if (values.out.empty() && values.force) throw UsageError("--force needs --out DIR");
  check_shard_options(values.shard, values.out, values.resume || values.force);
  if (values.resume && values.force) throw UsageError("--resume and --force exclude each other");
  if (values.exhaustive && options.is_given("evaluations")) {
    throw UsageError("--exhaustive and --evaluations exclude each other");
  }
  return true;
}

/// The keys of --vary. Numbers are sorted: the search moves from a value to the next.
std::vector<Setting> parse_vary(const std::vector<std::string>& texts) {
  std::vector<Setting> keys = parse_settings(texts, "vary");
  for (Setting& key : keys) {
    try {
      key = explored_setting(std::move(key));
    } catch (const InputError& error) {
      throw UsageError(fmt::format("--vary: {}", error.what()));
    }
  }
  return keys;
}

std::vector<const Objective*> parse_objectives(const std::vector<std::string>& texts) {
  if (texts.empty()) {
    return {&objective_named("latency", "--objective"), &objective_named("energy", "--objective"),
            &objective_named("area", "--objective")};
  }
  std::vector<const Objective*> chosen;
  for (const std::string& text : texts) {
    for (const std::string& name : split_at_commas("objective", text)) {
      const Objective* objective = &objective_named(name, "--objective");
      if (std::find(chosen.begin(), chosen.end(), objective) != chosen.end()) {
        throw UsageError(fmt::format("--objective: {} is given twice", objective->name));
      }
      chosen.push_back(objective);
    }
  }
  return chosen;
}

std::vector<ObjectiveLimit> parse_limits(const std::vector<std::string>& texts) {
  std::vector<ObjectiveLimit> limits;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    const std::optional<double> value =
        equals == std::string::npos ? std::nullopt
                                    : finite_number(std::string_view(text).substr(equals + 1));
    if (!value || *value < 0.0) {
      throw UsageError(fmt::format(
          "--limit: '{}' is not NAME=VALUE with a number of at least 0, as in latency_ms=5",
          printable(text)));
    }
    const Objective* objective = &objective_named(text.substr(0, equals), "--limit");
    if (std::any_of(limits.begin(), limits.end(),
                    [&](const ObjectiveLimit& l) { return l.objective == objective; })) {
      throw UsageError(fmt::format("--limit: {} is given twice", objective->key));
    }
    limits.push_back({objective, *value});
  }
  return limits;
}

ExploreOptions explore_options(const ExploreCommandOptions& command) {
  ExploreOptions options;
  options.fixed = single_values(parse_settings(command.settings));
  options.keys = parse_vary(command.vary);
  options.objectives = parse_objectives(command.objectives);
  options.limits = parse_limits(command.limits);
  options.max_evaluations = static_cast<std::uint64_t>(command.num_evaluations);
  options.exhaustive = command.exhaustive;
  if (!command.shard.empty()) options.shard = parse_shard(command.shard);
  options.seed = static_cast<std::uint64_t>(command.seed);
  static_cast<void>(grid_size(options.keys));  // throws for too many
  for (const YamlOverride& fixed : options.fixed) {
    if (std::any_of(options.keys.begin(), options.keys.end(),
                    [&](const Setting& key) { return key.key == fixed.path; })) {
      throw UsageError(fmt::format("{} is in both --set and --vary", printable(fixed.path)));
    }
  }
  return options;
}

void write_exploration(const JournalDirectory& output, const ExploreReport& report,
                       RunRecord record) {
  // The machine itself may be a point, too, and points may be equal machines.
  std::vector<const Summary*> points;
  std::set<std::pair<std::string, std::uint64_t>> known;
  const auto add = [&](const PointResult& point) {
    for (const Summary& network : point.networks) {
      if (known.emplace(network.info.machine, network.info.network_hash).second) {
        points.push_back(&network);
      }
    }
  };
  if (report.base != nullptr) add(*report.base);
  for (const ExploredPoint& point : report.exploration.points) add(point.result);
  const std::vector<RunFile> files = {
      {std::string(SweepJournal::kFileName), output.journal.text_of(points)},
      {"explore.csv", explore_csv(report)}};
  for (const RunFile& file : files) record.files.push_back(file.name);
  output.write(files,
               points_run_yaml(record, report.machine, report.workloads, report.options.keys));
}

/// The first point that failed with `code`; null if there is none.
const ExploredPoint* first_failure(const Exploration& exploration, ExitCode code) {
  const auto found = std::find_if(exploration.points.begin(), exploration.points.end(),
                                  [&](const ExploredPoint& p) { return p.result.code == code; });
  return found == exploration.points.end() ? nullptr : &*found;
}

/// A machine that cannot be built is part of a search; a crash is not, nor a search without any
/// other machine. A shard may have none: the others are not known.
ExitCode report_failures(const Exploration& exploration, bool is_shard) {
  if (const ExploredPoint* crash = first_failure(exploration, ExitCode::kInternal)) {
    print_error(fmt::format("a point failed: {}", one_line(crash->result.error)));
    return ExitCode::kInternal;
  }
  const ExploredPoint* failure = first_failure(exploration, ExitCode::kBadInput);
  if (failure == nullptr || is_shard || exploration.num_failed() < exploration.points.size()) {
    return ExitCode::kOk;
  }
  print_error(
      fmt::format("no point is possible; the first one: {}", one_line(failure->result.error)));
  return ExitCode::kBadInput;
}

}  // namespace

ExitCode explore_command(const Arguments& arguments) {
  const Stopwatch stopwatch;
  ExploreCommandOptions options;
  if (!parse_explore(arguments, options)) return ExitCode::kOk;
  set_log_level(options.verbose, options.quiet);
  const ExploreFormatter format = formatter_of(kExploreFormats, options.format);
  const ExploreOptions search = explore_options(options);
  const bool is_shard = !options.shard.empty();
  std::optional<JournalDirectory> output;
  if (!options.out.empty() && !is_shard) output.emplace(options.out, options.resume, options.force);
  if (output && !output->journal.warning().empty()) log().info(output->journal.warning());
  const Machine machine = load_machine(options.hardware, search.fixed);
  std::vector<Workload> workloads;
  for (const std::string& name : listed_names("net", options.networks)) {
    workloads.push_back(load_workload(name, options.model, options.batch));
  }

  std::unique_ptr<SweepJournal> shard_journal;
  if (is_shard) {
    check_shardable(search);
    shard_journal =
        claim_shard(options.out, sharded_run("explore", arguments, search.shard), search.shard);
    if (!shard_journal->warning().empty()) log().info(shard_journal->warning());
  }
  SweepJournal* const journal = is_shard ? shard_journal.get()
                                : output ? &output->journal
                                         : nullptr;

  // An interrupt ends the process at the end of the block, after the front so far is printed.
  const InterruptDelay delay;
  const std::int64_t total = search.shard.size_of(static_cast<std::int64_t>(
      std::min(grid_size(search.keys),
               search.exhaustive ? ExploreOptions::kMaxExhaustive : search.max_evaluations)));
  std::optional<Progress> progress;
  progress.emplace("simulated", "machines", is_shard ? total : total + 1);
  PointRunnerOptions runner_options;
  runner_options.num_jobs = static_cast<std::size_t>(options.num_jobs);
  runner_options.mapping = mapping_options(options.max_steps);
  runner_options.keep_going = [&](std::int64_t done) {
    progress->update_if_due(done);
    return !InterruptDelay::is_pending();
  };
  if (journal != nullptr) {
    runner_options.find = [journal](const std::string& id, std::uint64_t network_hash) {
      return journal->find(id, network_hash);
    };
    runner_options.on_simulated = [journal](const Summary& network) { journal->add(network); };
  }
  PointRunner runner(machine.file, workloads, runner_options);
  std::optional<PointResult> base;
  if (!is_shard) base = std::move(runner.run({search.fixed}).front());
  const Exploration exploration = explore(runner, search);
  progress.reset();
  const ExploreReport report = {machine, workloads, search, exploration,
                                base && base->is_ok() ? &*base : nullptr};
  if (runner.num_found() > 0) {
    log().info("{} machines were already in the journal", with_separators(runner.num_found()));
  }
  log().debug("{} machines simulated in {:.2f} s", with_separators(runner.num_simulated()),
              stopwatch.wall_seconds());
  const bool has_result = exploration.num_failed() < exploration.points.size();
  if (!exploration.is_complete) {
    log().info("stopped after {} of {} machines; {}",
               with_separators(static_cast<std::int64_t>(exploration.points.size())),
               with_separators(total),
               is_shard ? "the same command continues from there"
               : output ? "--resume continues from there"
                        : "without --out nothing is kept");
  } else if (is_shard) {
    shard_journal->finish();
    log().info(shard_is_done(search.shard, total, options.out));
  } else if (output && has_result) {
    RunRecord record;
    record.command_line = {"tilewake", "explore"};
    record.command_line.insert(record.command_line.end(), arguments.begin(), arguments.end());
    record.wall_seconds = stopwatch.wall_seconds();
    record.cpu_seconds = stopwatch.cpu_seconds();
    write_exploration(*output, report, std::move(record));
    log().info("wrote the exploration to {}", options.out);
  }
  if (has_result && !is_shard) write_result(format(report));
  return report_failures(exploration, is_shard);
}

}  // namespace tilewake
