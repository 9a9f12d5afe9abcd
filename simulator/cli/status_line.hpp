// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace tilewake {

/// Status of longer work on standard error: one line that is rewritten on a terminal, separate
/// lines elsewhere. Suppressed by -q.
class StatusLine {
 public:
  StatusLine();
  ~StatusLine() { end(); }
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  bool is_terminal() const { return is_terminal_; }
  /// Whether a second has passed since the beginning, and the interval since the last line: 0.2 s
  /// on a terminal; elsewhere 1 s, doubled after each line, up to 60 s.
  bool is_due() const;
  double elapsed_seconds() const;

  /// "tilewake: `text`", as one line.
  void show(const std::string& text);
  /// Ends the line on a terminal.
  void end();

 private:
  bool is_silent_;
  bool is_terminal_;
  std::size_t shown_length_ = 0;  // of the line on the terminal
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  double due_seconds_ = 1.0;  // after `begin_`
  double interval_seconds_ = 1.0;
};

/// "1:05", "2:01:05"; rounded up.
std::string clock_text(double seconds);

/// ", 1:05 left", if the share `done` (0..1) of the work took `elapsed_seconds`; empty in the first
/// second.
std::string time_left(double elapsed_seconds, double done);

}  // namespace tilewake
