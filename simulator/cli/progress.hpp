// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace tilewake {

/// How far a longer piece of work is, on standard error: one line that is rewritten on a terminal,
/// one line per 10 % elsewhere. Silent where warnings are (-q).
class Progress {
 public:
  /// "tilewake: `what` 450 of 1,500 `unit` (30 %)"
  Progress(const std::string& what, const std::string& unit, std::int64_t total);
  ~Progress();  // ends the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(std::int64_t done);

 private:
  std::string what_;
  std::string unit_;
  std::int64_t total_;
  bool is_silent_;
  bool is_terminal_;
  std::int64_t shown_percent_ = 0;
  std::size_t shown_length_ = 0;  // of the line on the terminal
};

}  // namespace tilewake
