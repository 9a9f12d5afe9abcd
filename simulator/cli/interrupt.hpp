// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tilewake {

/// From now on Ctrl-C (and SIGTERM) ends the process at once, with 130 (143) and one line on
/// standard error. A signal that was ignored by whoever started us stays ignored.
void end_on_interrupt();

/// While one exists, the first interrupt waits for its end: files are being written, which takes
/// milliseconds, and none should be left half done. A second one does not wait.
class InterruptDelay {
 public:
  InterruptDelay();
  ~InterruptDelay();
  InterruptDelay(const InterruptDelay&) = delete;
  InterruptDelay& operator=(const InterruptDelay&) = delete;
};

}  // namespace tilewake
