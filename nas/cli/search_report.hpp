// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "nas/cli/nas_options.hpp"
#include "nas/search/search_run.hpp"
#include "simulator/api/inputs.hpp"
#include "simulator/common/stopwatch.hpp"
#include "simulator/hardware/hardware_config.hpp"
#include "simulator/trace/summary.hpp"

namespace tilewake {

/// One run of a search, from the command line.
struct SearchRequest {
  NasOptions options;
  std::string command;  // "run", "scale", ...
  Arguments arguments;
  RunContext run;  // without machine and caller
  std::string space_file;
};

/// run.yaml: command, version, every value of recipe, space and machine, and the time so far.
std::string search_run_yaml(const SearchRequest& request, const Machine& machine,
                            const Stopwatch& stopwatch, bool is_complete);

/// Latency, accuracy and parameters after each step of a target, and, for a complete run,
/// "estimated x ms, simulated y ms, limit T, accuracy z".
std::string search_table(const SearchResult& result);
std::string search_json(const SearchResult& result);

/// steps.csv of a target.
std::string steps_csv(const TargetResult& target);

/// front.csv: one line per target.
std::string front_csv(const SearchResult& result);

/// summary.json of a target: the summary of its simulated winner, and the figures of the search.
std::string search_summary_json(const Summary& summary, const TargetResult& target);

}  // namespace tilewake
