// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tilewake {

/// From now on Ctrl-C (SIGTERM, SIGHUP) ends the process at once, with 130 (143, 129) and one line
/// on standard error. A signal that was ignored by whoever started us stays ignored.
void end_on_interrupt();

/// While one exists, the first interrupt waits for the end of the outermost: files are being
/// written, and none should be left half done. A second one does not wait. Work that takes longer
/// than milliseconds asks is_pending() and comes to an end.
class InterruptDelay {
 public:
  InterruptDelay();
  ~InterruptDelay();
  static bool is_pending();
  InterruptDelay(const InterruptDelay&) = delete;
  InterruptDelay& operator=(const InterruptDelay&) = delete;
};

}  // namespace tilewake
