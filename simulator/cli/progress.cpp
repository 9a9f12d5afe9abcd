// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/progress.hpp"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

#include <fmt/format.h>

#include "simulator/cli/log.hpp"
#include "simulator/cli/units.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kStepElsewhere = 10;  // percent

/// Whoever cannot read it any more misses nothing.
void write(const std::string& text) {
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), stderr));
}

}  // namespace

Progress::Progress(const std::string& what, const std::string& unit, std::int64_t total)
    : what_(what),
      unit_(unit),
      total_(std::max<std::int64_t>(total, 1)),
      is_silent_(!log().should_log(spdlog::level::info)),
      is_terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (shown_length_ > 0) write("\n");
}

void Progress::update(std::int64_t done) {
  if (is_silent_) return;
  const std::int64_t percent = 100 * done / total_;
  const std::int64_t step = is_terminal_ ? 1 : kStepElsewhere;
  if (percent / step == shown_percent_ / step) return;
  shown_percent_ = percent;
  std::string line = fmt::format("tilewake: {} {} of {} {} ({} %)", what_, with_separators(done),
                                 with_separators(total_), unit_, percent);
  if (!is_terminal_) return write(line + "\n");
  const std::size_t length = line.size();
  line.resize(std::max(length, shown_length_), ' ');  // over what is left of the line before
  shown_length_ = length;
  write("\r" + line);
}

}  // namespace tilewake
