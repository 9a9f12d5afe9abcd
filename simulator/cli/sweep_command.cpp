// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "simulator/api/sweep.hpp"
#include "simulator/cli/command.hpp"
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
#include "simulator/cli/sweep_report.hpp"
#include "simulator/cli/units.hpp"
#include "simulator/common/file_format.hpp"
#include "simulator/common/stopwatch.hpp"
#include "simulator/network/limits.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kMaxJobs = 1024;

using SweepFormatter = std::string (*)(const Sweep& sweep);

// To add a format: one line here.
constexpr std::array<std::pair<std::string_view, SweepFormatter>, 3> kSweepFormats = {{
    {"table", sweep_table},
    {"csv", sweep_csv},
    {"json", sweep_json},
}};

struct SweepCommandOptions {
  std::vector<std::string> hardware;
  std::vector<std::string> networks;
  std::vector<std::string> settings;
  ModelArguments model;
  std::optional<std::int64_t> batch;
  std::string out;
  std::string shard;
  std::string format = "table";
  std::int64_t num_jobs = std::max(1U, std::thread::hardware_concurrency());
  std::int64_t max_steps = kDefaultMaxSteps;
  bool sweep = false;
  bool resume = false;
  bool force = false;
  bool verbose = false;
  bool quiet = false;
};

bool parse_sweep(const Arguments& arguments, SweepCommandOptions& values) {
  Options options(
      "simulate --sweep",
      fmt::format("simulate --sweep --hw FILE,... --net FILE,... [--set KEY=VALUE,...]...\n"
                  "                         {}\n"
                  "                         [--batch N] [--jobs N] [--max-steps N]\n"
                  "                         [--out DIR [--resume | --force | --shard I/N]] "
                  "[--format table|csv|json] [-v | -q]",
                  ModelArguments::kUsage),
      "Simulates every machine with every network with every combination of values, each\n"
      "point in a separate process, and prints one line per point. Failed points are\n"
      "reported; the rest continue. With --out, --resume continues an interrupted sweep.");
  options.flag("sweep", values.sweep, "run a sweep");
  options.required_list("hw", values.hardware, "FILE,...",
                        "machines: names in hw_configs/, or paths");
  options.required_list("net", values.networks, "FILE,...",
                        "networks: names in networks/, or paths");
  values.model.add_to(options);
  options.list("set", values.settings, "KEY=VALUE,...",
               "values of a key of the machine, as in dram.num_channels=1,2,4");
  options.integer("batch", values.batch, 1, kMaxBatch, "N", kBatchHelp);
  options.integer("jobs", values.num_jobs, 1, kMaxJobs, "N",
                  "processes at a time, by default one per core");
  options.integer("max-steps", values.max_steps, 1, kLargestMaxSteps, "N", kMaxStepsHelp);
  options.optional("out", values.out, "DIR", "also write run.yaml and sweep.csv there");
  options.flag("resume", values.resume,
               "simulate only points that are missing in DIR or have changed");
  options.flag("force", values.force,
               "replace the run that is in DIR; refused if other files are there");
  options.optional("shard", values.shard, "I/N|auto", kShardHelp);
  options.optional("format", values.format, "FORMAT",
                   "what is printed: " + format_names(kSweepFormats));
  options.flag("verbose,v", values.verbose, "log what the sweep cost");
  options.flag("quiet,q", values.quiet, "suppress warnings and progress");
  if (!options.parse(arguments)) return false;
  if (values.out.empty() && values.resume) throw UsageError("--resume needs --out DIR");
  if (values.out.empty() && values.force) throw UsageError("--force needs --out DIR");
  check_shard_options(values.shard, values.out, values.resume || values.force);
  if (values.resume && values.force) throw UsageError("--resume and --force exclude each other");
  const auto has_model = [](const std::string& networks) {
    const std::vector<std::string> names = split_at_commas("net", networks);
    return std::any_of(names.begin(), names.end(), [](const std::string& name) {
      return network_format(name) != FileFormat::kText;
    });
  };
  if (values.model.is_given() &&
      std::none_of(values.networks.begin(), values.networks.end(), has_model)) {
    throw UsageError(
        "--input-shape, --until, --from and --skip-unsupported need a .onnx or .tflite file");
  }
  return true;
}

/// CPU seconds of all finished child processes.
double cpu_seconds_of_children() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Logs the inputs that cannot be read, before the work starts.
template <typename T>
void report_errors(const std::vector<SweepInput<T>>& inputs) {
  for (const SweepInput<T>& input : inputs) {
    if (!input.error.empty() && inputs.size() > 1) log().warn("{}; its points fail", input.error);
  }
}

void report_inputs(const Sweep& sweep) {
  report_errors(sweep.machines());
  report_errors(sweep.workloads());
  for (const SweepInput<Workload>& workload : sweep.workloads()) {
    if (!workload.value) continue;
    for (const std::string& warning : workload.value->warnings) {
      log().warn("{}: {}", workload.value->file.path, warning);
    }
  }
}

/// Simulates the points that are not in `journal` (null: all). After the first interrupt, running
/// points are finished and no other is started.
void run_sweep(Sweep& sweep, const SweepCommandOptions& command, const Shard& shard,
               SweepJournal* journal) {
  Progress progress("simulated", "points", shard.size_of(sweep.plan().size()));
  SweepOptions options;
  options.num_jobs = static_cast<std::size_t>(command.num_jobs);
  options.mapping = mapping_options(command.max_steps);
  options.shard = shard;
  options.keep_going = [&](std::int64_t done) {
    progress.update(done);
    return !InterruptDelay::is_pending();
  };
  if (journal != nullptr) {
    options.find = [journal](const std::string& machine, std::uint64_t network_hash) {
      return journal->find(machine, network_hash);
    };
    options.on_simulated = [journal](const Summary& point) { journal->add(point); };
  }
  sweep.run(options);
}

void write_sweep(const JournalDirectory& output, const Sweep& sweep, RunRecord record) {
  std::vector<const Summary*> points;
  for (const SweepResult& result : sweep.results()) {
    if (result.summary) points.push_back(result.summary.get());
  }
  const std::vector<RunFile> files = {
      {std::string(SweepJournal::kFileName), output.journal.text_of(points)},
      {"sweep.csv", sweep_csv(sweep)}};
  for (const RunFile& file : files) record.files.push_back(file.name);
  output.write(files, sweep_run_yaml(record, sweep));
}

/// The first point that ended with `code`; -1 if there is none.
std::int64_t first_with(const Sweep& sweep, ExitCode code) {
  const auto& results = sweep.results();
  const auto found = std::find_if(results.begin(), results.end(),
                                  [code](const SweepResult& r) { return r.code == code; });
  return found == results.end() ? -1 : found - results.begin();
}

void report_warnings(const Sweep& sweep) {
  std::int64_t num_warned = 0;
  std::string first;
  for (const SweepResult& result : sweep.results()) {
    if (!result.summary || result.summary->info.warnings.empty()) continue;
    if (++num_warned == 1) first = result.summary->info.warnings.front();
  }
  if (num_warned == 0) return;
  log().warn("{} of {} points have warnings (csv and json list all): {}",
             with_separators(num_warned), with_separators(sweep.plan().size()), first);
}

/// Prints the failures of a complete sweep in one line. Returns the exit code.
ExitCode report_failures(const Sweep& sweep) {
  for (const ExitCode code : {ExitCode::kInternal, ExitCode::kBadInput}) {
    const std::int64_t first = first_with(sweep, code);
    if (first < 0) continue;
    print_error(fmt::format("{} of {} points failed; {}", with_separators(sweep.num_failed()),
                            with_separators(sweep.plan().size()), failure_text(sweep, first)));
    return code;
  }
  return ExitCode::kOk;
}

void report_interrupt(const Sweep& sweep, std::int64_t total, const std::string& what_follows) {
  log().info("stopped after {} of {} points; {}", with_separators(sweep.num_done()),
             with_separators(total), what_follows);
}

/// The points of one shard, into its journal.
ExitCode run_shard(Sweep& sweep, const SweepCommandOptions& options, const Arguments& arguments) {
  const Shard shard = parse_shard(options.shard);
  const std::unique_ptr<SweepJournal> journal =
      claim_shard(options.out, sharded_run("simulate", arguments, shard), shard);
  if (!journal->warning().empty()) log().info(journal->warning());
  const std::int64_t total = shard.size_of(sweep.plan().size());
  {
    const InterruptDelay delay(InterruptDelay::kOneSecond);
    run_sweep(sweep, options, shard, journal.get());
    if (sweep.num_done() < total) {
      report_interrupt(sweep, total, "the same command continues from there");
    } else {
      journal->finish();
      log().info(shard_is_done(shard, total, options.out));
    }
  }
  report_warnings(sweep);
  return report_failures(sweep);
}

}  // namespace

ExitCode sweep_command(const Arguments& arguments) {
  const Stopwatch stopwatch;
  SweepCommandOptions options;
  if (!parse_sweep(arguments, options)) return ExitCode::kOk;
  set_log_level(options.verbose, options.quiet);
  const SweepFormatter format = formatter_of(kSweepFormats, options.format);
  const SweepPlan plan = parse_sweep_plan(options.hardware, options.networks, options.settings);
  if (!options.shard.empty()) {
    Sweep sweep(plan, options.batch, options.model.parsed());
    report_inputs(sweep);
    return run_shard(sweep, options, arguments);
  }
  std::optional<JournalDirectory> output;
  if (!options.out.empty()) output.emplace(options.out, options.resume, options.force);
  if (output && !output->journal.warning().empty()) log().info(output->journal.warning());

  Sweep sweep(plan, options.batch, options.model.parsed());
  report_inputs(sweep);
  {
    // An interrupt ends the process at the end of the block, or after a second. Every finished
    // point is in the journal by then.
    const InterruptDelay delay(InterruptDelay::kOneSecond);
    run_sweep(sweep, options, Shard{}, output ? &output->journal : nullptr);
    if (!sweep.is_complete()) {
      report_interrupt(sweep, plan.size(),
                       output && sweep.num_done() > sweep.num_failed()
                           ? "--resume continues from there"
                           : "without --out nothing is kept");
    } else if (output && sweep.num_failed() < plan.size()) {
      RunRecord record;
      record.command_line = {"tilewake", "simulate"};
      record.command_line.insert(record.command_line.end(), arguments.begin(), arguments.end());
      record.wall_seconds = stopwatch.wall_seconds();
      record.cpu_seconds = stopwatch.cpu_seconds() + cpu_seconds_of_children();
      write_sweep(*output, sweep, std::move(record));
      log().info("wrote the sweep to {}", options.out);
    }
  }
  report_warnings(sweep);
  if (sweep.num_found() > 0) {
    log().info("{} of {} points were already in the journal", with_separators(sweep.num_found()),
               with_separators(plan.size()));
  }
  log().debug("{} points in {:.2f} s, {:.2f} s of CPU", with_separators(plan.size()),
              stopwatch.wall_seconds(), stopwatch.cpu_seconds() + cpu_seconds_of_children());
  if (sweep.num_failed() < plan.size()) write_result(format(sweep));
  return report_failures(sweep);
}

}  // namespace tilewake
