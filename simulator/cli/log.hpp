// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spdlog/logger.h>

namespace tilewake {

/// The log, on standard error: `info` is for everybody, `debug` for -v. Errors are no log entries,
/// they are thrown.
spdlog::logger& log();

/// What -v and -q do. Throws UsageError if both are given.
void set_log_level(bool verbose, bool quiet);

}  // namespace tilewake
