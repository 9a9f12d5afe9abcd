// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nas/search/search_run.hpp"

namespace tilewake {

/// run_search for the methods that search a space of operators: HURRICANE, SPOS, random search.
SearchResult run_operators(const RunConfig& config, const Host& host, Step last);

}  // namespace tilewake
