// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/log.hpp"

#include <memory>

#include <spdlog/sinks/stdout_sinks.h>

#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

spdlog::logger make_logger() {
  // Not spdlog's registry: its default logger writes to standard output.
  spdlog::logger logger("tilewake", std::make_shared<spdlog::sinks::stderr_sink_st>());
  logger.set_pattern("tilewake: %v");
  return logger;
}

}  // namespace

spdlog::logger& log() {
  static spdlog::logger logger = make_logger();
  return logger;
}

void set_log_level(bool verbose, bool quiet) {
  if (verbose && quiet) throw UsageError("--verbose and --quiet contradict each other");
  log().set_level(verbose ? spdlog::level::debug
                  : quiet ? spdlog::level::off
                          : spdlog::level::info);
}

}  // namespace tilewake
