// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/log.hpp"

#include <memory>
#include <string>
#include <unistd.h>

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>

#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/one_line.hpp"
#include "simulator/common/text_table.hpp"

namespace tilewake {
namespace {

/// Prints every entry without control characters, as one line; on a terminal, a longer one is
/// broken at blanks.
class LineSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const std::string line =
        "tilewake: " + one_line({message.payload.data(), message.payload.size()}) + "\n";
    static_cast<void>(write_all(STDERR_FILENO, wrapped_lines(line, error_columns())));
  }
  void flush_() override {}
};

spdlog::logger make_logger() {
  // Not spdlog's registry: its default logger writes to standard output.
  return {"tilewake", std::make_shared<LineSink>()};
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
