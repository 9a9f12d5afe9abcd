// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "nas/training/phase.hpp"
#include "simulator/cli/status_line.hpp"

namespace tilewake {

/// Progress of training on standard error: a StatusLine for each phase on a terminal, one line per
/// 10 % of a phase elsewhere. Silent with -q.
class ProgressLine {
 public:
  void update(const PhaseProgress& progress);

  /// To be called before something else is written to standard error.
  void end() { line_.end(); }

 private:
  StatusLine line_;
  std::string phase_;
  std::int64_t shown_tenths_ = 0;
};

/// "search 120 of 400, 30 %, loss 1.234, accuracy 67.1 %, 0.1512 ms (+0.8 % over T), 412 images/s,
/// 1:23 left"; without the figures that the width leaves no place for, but with the time.
///   @param max_columns  of the text; 0: any number
std::string progress_text(const PhaseProgress& progress, std::size_t max_columns = 0);

}  // namespace tilewake
