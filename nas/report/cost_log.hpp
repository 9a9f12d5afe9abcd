// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tilewake {

/// What some work cost: training of a phase, or the scoring of candidates.
struct Cost {
  std::string step;                   // "supernet-later", "rank-0123456789abcdef", "train"
  std::int64_t trained_images = 0;    // forward and backward
  std::int64_t evaluated_images = 0;  // forward only, where that is the work itself
  double seconds = 0.0;               // of wall time, validation included
};

/// costs.csv of a run: one line for what a process did of a step, added when it ends or is
/// interrupted, in a file that is replaced as a whole. What a killed process did since its last
/// line is not in it.
class CostLog {
 public:
  explicit CostLog(const std::string& directory) : path_(directory + "/costs.csv") {}

  /// Nothing where no image was seen.
  void add(const Cost& cost) const;

  /// Everything so far, by step, in the order of their first line; nothing without a file. Throws
  /// InputError naming file and line.
  std::vector<Cost> totals() const;

 private:
  std::string path_;
};

}  // namespace tilewake
