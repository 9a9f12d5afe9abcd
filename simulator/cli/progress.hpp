// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "simulator/cli/status_line.hpp"

namespace tilewake {

/// Progress of longer work on standard error: one line that is rewritten on a terminal, one line
/// per 10 % elsewhere, and one after a second. Suppressed by -q.
class Progress {
 public:
  /// "tilewake: `what` 450 of 1,500 `unit` (30 %), 0:12 left"
  Progress(const std::string& what, const std::string& unit, std::int64_t total);

  void update(std::int64_t done);
  /// Shows nothing of work that takes less than a second.
  void update_if_due(std::int64_t done);

 private:
  void show(std::int64_t done);

  std::string what_;
  std::string unit_;
  std::int64_t total_;
  std::int64_t shown_percent_ = 0;
  StatusLine line_;
};

}  // namespace tilewake
