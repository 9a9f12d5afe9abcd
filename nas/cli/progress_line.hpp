// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "nas/training/phase.hpp"

namespace tilewake {

/// Progress of training on standard error: one line that is rewritten on a terminal, one line per
/// 10 % of a phase elsewhere. Silent with -q.
class ProgressLine {
 public:
  ProgressLine();

  void update(const PhaseProgress& progress);

  /// To be called before something else is written to standard error.
  void end();

 private:
  bool is_silent_;
  bool is_terminal_;
  std::string phase_;
  std::int64_t shown_tenths_ = -1;
  std::size_t shown_length_ = 0;
  double shown_at_ = 0.0;  // seconds, of a steady clock
};

/// "search 120 of 400, 30 %, loss 1.234, accuracy 67.1 %, 0.1512 ms (+0.8 % over T), 412 images/s,
/// 1:23 left"
std::string progress_text(const PhaseProgress& progress);

}  // namespace tilewake
