// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "nas/search/search_run.hpp"
#include "simulator/hardware/hardware_config.hpp"
#include "simulator/trace/summary.hpp"

namespace tilewake {

/// What each step of a target did to latency, accuracy and parameters, and, where the run came to
/// its end, "estimated x ms, simulated y ms, limit T, accuracy z".
std::string search_table(const SearchResult& result);
std::string search_json(const SearchResult& result);

/// steps.csv of a target.
std::string steps_csv(const TargetResult& target);

/// front.csv: one line a target.
std::string front_csv(const SearchResult& result);

/// summary.json of a target: that of its simulated winner, and what the search adds to it.
std::string search_summary_json(const Summary& summary, const TargetResult& target);

}  // namespace tilewake
