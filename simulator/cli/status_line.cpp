// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/status_line.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <unistd.h>

#include <fmt/format.h>

#include "simulator/cli/log.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/one_line.hpp"
#include "simulator/common/text_table.hpp"

namespace tilewake {
namespace {

constexpr double kTerminalInterval = 0.2;  // seconds
constexpr double kLongestInterval = 60.0;
constexpr double kLongestEstimate = 1e7;

}  // namespace

StatusLine::StatusLine()
    : is_silent_(!log().should_log(spdlog::level::info)),
      is_terminal_(::isatty(STDERR_FILENO) == 1) {}

double StatusLine::elapsed_seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
}

bool StatusLine::is_due() const { return !is_silent_ && elapsed_seconds() >= due_seconds_; }

void StatusLine::show(const std::string& text) {
  if (is_silent_) return;
  if (is_terminal_) {
    due_seconds_ = std::max(elapsed_seconds() + kTerminalInterval, 1.0);
  } else {
    due_seconds_ = elapsed_seconds() + interval_seconds_;
    interval_seconds_ = std::min(2.0 * interval_seconds_, kLongestInterval);
  }
  std::string line = "tilewake: " + one_line(text);
  if (is_terminal_) {
    // In the last column some terminals begin a new line, which could not be rewritten.
    const std::size_t columns = error_columns();
    if (columns > 0) line = shortened(line, columns - 1);
    const std::size_t length = line.size();
    line.resize(std::max(length, shown_length_), ' ');  // overwrites the rest of the previous line
    shown_length_ = length;
    line.insert(0, "\r");
  } else {
    line += '\n';
  }
  static_cast<void>(write_all(STDERR_FILENO, line));
}

void StatusLine::end() {
  if (shown_length_ > 0) static_cast<void>(write_all(STDERR_FILENO, "\n"));
  shown_length_ = 0;
}

std::string clock_text(double seconds) {
  constexpr std::int64_t kMinute = 60;
  constexpr std::int64_t kHour = 3600;
  const auto whole =
      static_cast<std::int64_t>(std::ceil(std::clamp(seconds, 0.0, kLongestEstimate)));
  if (whole >= kHour) {
    return fmt::format("{}:{:02}:{:02}", whole / kHour, whole / kMinute % kMinute, whole % kMinute);
  }
  return fmt::format("{}:{:02}", whole / kMinute, whole % kMinute);
}

std::string time_left(double elapsed_seconds, double done) {
  if (elapsed_seconds < 1.0 || done <= 0.0) return "";
  const double left = elapsed_seconds * std::max(1.0 / done - 1.0, 0.0);
  return left > kLongestEstimate ? "" : fmt::format(", {} left", clock_text(left));
}

}  // namespace tilewake
