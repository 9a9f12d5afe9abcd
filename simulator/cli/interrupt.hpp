// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tilewake {

/// From now on Ctrl-C (SIGTERM, SIGHUP) ends the process at once, with 130 (143, 129) and one line
/// on standard error. A signal that the process was started with as ignored stays ignored.
void end_on_interrupt();

/// While one exists, the first interrupt takes effect at the end of the outermost one, so that the
/// work at hand is completed; a second interrupt takes effect at once. Longer work calls
/// is_pending() and ends early.
class InterruptDelay {
 public:
  /// For work that loses nothing of value when it is cut off.
  static constexpr unsigned kOneSecond = 1;

  ///   @param max_seconds  how long the outermost one delays an interrupt at most; 0: no limit
  explicit InterruptDelay(unsigned max_seconds = 0);
  ~InterruptDelay();
  static bool is_pending();
  InterruptDelay(const InterruptDelay&) = delete;
  InterruptDelay& operator=(const InterruptDelay&) = delete;
};

}  // namespace tilewake
