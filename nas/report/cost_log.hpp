// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tilewake {

/// The cost of some work: training of a phase, or scoring of candidates.
struct Cost {
  std::string step;                   // "supernet-later", "rank-0123456789abcdef", "train"
  std::int64_t trained_images = 0;    // forward and backward
  std::int64_t evaluated_images = 0;  // forward only, if evaluation is the purpose
  double seconds = 0.0;               // wall time, including validation
};

/// costs.csv of a run: one line per step and process, added when the step ends or is interrupted.
/// The file is replaced atomically. The work of a killed process since its last line is missing.
class CostLog {
 public:
  explicit CostLog(const std::string& directory) : path_(directory + "/costs.csv") {}

  /// Adds nothing if no image was used.
  void add(const Cost& cost) const;

  /// Totals by step, in the order of their first lines; empty without a file. Throws InputError
  /// naming file and line.
  std::vector<Cost> totals() const;

 private:
  std::string path_;
};

}  // namespace tilewake
