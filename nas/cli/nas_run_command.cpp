// SPDX-License-Identifier: Apache-2.0
#include "nas/cli/distributed_run.hpp"
#include "nas/cli/joint_search.hpp"
#include "nas/cli/nas_command.hpp"
#include "nas/cli/search_report.hpp"
#include "nas/cli/search_session.hpp"
#include "simulator/cli/interrupt.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/stopwatch.hpp"

namespace tilewake {
namespace {

ExitCode run_to(Step last, const std::string& command, const std::string& description,
                const Arguments& arguments) {
  const Stopwatch stopwatch;
  NasOptions options;
  if (!parse_nas_options(command, description, arguments, options)) return ExitCode::kOk;
  DistributedRun distributed(options.distributed, arguments);
  const bool is_first = distributed.is_first();
  set_log_level(options.verbose && is_first, options.quiet || !is_first);
  if (!options.hw_space.empty()) {
    if (distributed.ranks() != nullptr)
      throw InputError(
          "--hw-space: a joint search runs in one process; start one, or use --distributed off");
    return run_joint_search(options, arguments);
  }
  options.out = distributed.directory(options.out);
  options.force = options.force && is_first;  // the directory of another rank is new
  SearchSession session(options, &distributed);
  const SearchRequest request = session.request(options, command, arguments);
  const InterruptDelay delay;  // after an interrupt, the process ends with it
  try {
    const SearchResult result = session.run(request, last);
    distributed.finish();
    if (!is_first) return ExitCode::kOk;
    write_result(options.format == "json" ? search_json(result) : search_table(result));
    log().info("{} finished after {:.0f} s; the run is in {}", command, stopwatch.wall_seconds(),
               options.out);
    return ExitCode::kOk;
  } catch (const TargetMissed& missed) {
    return is_first ? report_miss(missed, options.out) : missed.exit_code();
  } catch (const Interrupted&) {
    distributed.remove_private_files();
    log().info("interrupted; all results are kept, --resume continues from here");
    return ExitCode::kInterrupted;
  }
}

constexpr char kWhat[] =
    "Searches for a network within limits of a machine (latency, energy): calibrates a model,\n"
    "designs the supernet, trains the supergraph, searches in it, scales the network found to\n"
    "the limit, post-processes, trains, tests and simulates the winner. Other methods differ in\n"
    "how they find the network. Ctrl-C finishes the current training step and saves; --resume\n"
    "continues, with the same result.";

}  // namespace

ExitCode nas_run_command(const Arguments& arguments) {
  return run_to(Step::kEvaluate, "run", kWhat, arguments);
}

ExitCode nas_search_command(const Arguments& arguments) {
  return run_to(Step::kSearch, "search", std::string(kWhat) + "\nThis ends after the search.",
                arguments);
}

ExitCode nas_scale_command(const Arguments& arguments) {
  return run_to(Step::kScale, "scale", std::string(kWhat) + "\nThis ends after scaling.",
                arguments);
}

ExitCode nas_postprocess_command(const Arguments& arguments) {
  return run_to(Step::kPostprocess, "postprocess",
                std::string(kWhat) + "\nThis ends after post-processing.", arguments);
}

}  // namespace tilewake
