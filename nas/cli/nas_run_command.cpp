// SPDX-License-Identifier: Apache-2.0
#include "nas/cli/nas_command.hpp"
#include "nas/cli/search_report.hpp"
#include "nas/cli/search_session.hpp"
#include "simulator/cli/interrupt.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/stopwatch.hpp"

namespace tilewake {
namespace {

ExitCode run_to(Step last, const std::string& command, const std::string& description,
                const Arguments& arguments) {
  const Stopwatch stopwatch;
  NasOptions options;
  if (!parse_nas_options(command, description, arguments, options)) return ExitCode::kOk;
  set_log_level(options.verbose, options.quiet);
  SearchSession session(options);
  const SearchRequest request = session.request(options, command, arguments);
  const InterruptDelay delay;  // its end is that of the process, if there was an interrupt
  try {
    const SearchResult result = session.run(request, last);
    write_result(options.format == "json" ? search_json(result) : search_table(result));
    log().info("{} after {:.0f} s; the run is in {}", command, stopwatch.wall_seconds(),
               options.out);
    return ExitCode::kOk;
  } catch (const TargetMissed& missed) {
    return report_miss(missed, options.out);
  } catch (const Interrupted&) {
    log().info("interrupted; everything is kept, --resume goes on from here");
    return ExitCode::kInterrupted;
  }
}

constexpr char kWhat[] =
    "Searches, for a machine, a network within a latency limit: designs the supernet, calibrates\n"
    "a latency model, trains the supergraph, searches in it, scales what it finds to the limit,\n"
    "post-processes, trains and tests the winner, and simulates it again. Other methods find the\n"
    "network differently and go on alike. Ctrl-C finishes the step at hand and saves; --resume\n"
    "goes on, with the same result.";

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

ExitCode nas_train_command(const Arguments& arguments) {
  return run_to(Step::kTrain, "train", std::string(kWhat) + "\nThis ends after training.",
                arguments);
}

ExitCode nas_evaluate_command(const Arguments& arguments) {
  return run_to(Step::kEvaluate, "evaluate", kWhat, arguments);
}

}  // namespace tilewake
