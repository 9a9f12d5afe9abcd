// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spdlog/logger.h>

namespace tilewake {

/// The log, on standard error; `debug` is printed with -v only. Errors are thrown, not logged.
spdlog::logger& log();

/// Sets the level of -v and -q. Throws UsageError if both are given.
void set_log_level(bool verbose, bool quiet);

}  // namespace tilewake
