// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tilewake {

/// Installs handlers: Ctrl-C (SIGTERM, SIGHUP) ends the process at once, with exit code 130 (143,
/// 129) and one line on standard error. A signal that was ignored at the start stays ignored.
void end_on_interrupt();

/// While one exists, the first interrupt takes effect at the end of the outermost one, so that the
/// current work is completed; a second interrupt takes effect at once. Longer work calls
/// is_pending() and ends early.
class InterruptDelay {
 public:
  /// For work that may be cut off without losing results.
  static constexpr unsigned kOneSecond = 1;

  ///   @param max_seconds  limit on the delay of the outermost one; 0: no limit
  explicit InterruptDelay(unsigned max_seconds = 0);
  ~InterruptDelay();
  static bool is_pending();
  InterruptDelay(const InterruptDelay&) = delete;
  InterruptDelay& operator=(const InterruptDelay&) = delete;
};

}  // namespace tilewake
