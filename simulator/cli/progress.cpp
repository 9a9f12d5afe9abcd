// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/progress.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "simulator/cli/units.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kStepElsewhere = 10;  // percent, where there is no terminal

}  // namespace

Progress::Progress(const std::string& what, const std::string& unit, std::int64_t total)
    : what_(what), unit_(unit), total_(std::max<std::int64_t>(total, 1)) {}

void Progress::update(std::int64_t done) {
  const std::int64_t percent = 100 * done / total_;
  const std::int64_t step = line_.is_terminal() ? 1 : kStepElsewhere;
  if (percent / step != shown_percent_ / step || line_.is_due()) show(done);
}

void Progress::update_if_due(std::int64_t done) {
  if (line_.is_due()) show(done);
}

void Progress::show(std::int64_t done) {
  const double share = static_cast<double>(done) / static_cast<double>(total_);
  shown_percent_ = 100 * done / total_;
  line_.show(fmt::format("{} {} of {} {} ({} %){}", what_, with_separators(done),
                         with_separators(total_), unit_, shown_percent_,
                         done < total_ ? time_left(line_.elapsed_seconds(), share) : ""));
}

}  // namespace tilewake
