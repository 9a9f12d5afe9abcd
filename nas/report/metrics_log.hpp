// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tilewake {

/// A row of metrics.csv.
struct MetricsRow {
  std::string phase;
  std::int64_t step = 0;
  double epoch = 0.0;
  double learning_rate = 0.0;
  std::optional<double> loss;            // mean since the previous row
  std::optional<double> train_accuracy;  // 0..1
  std::optional<double> validation_loss;
  std::optional<double> validation_accuracy;
  std::optional<double> latency_ms;
  std::optional<double> gap_ms;  // latency - target
  std::string gates;             // what they select at each block; not in the event file
};

/// metrics.csv and a TensorBoard event file (tag "phase/column") of a directory, both appended to
/// during a run. The CSV has no time, so it is byte-identical for equal runs.
class MetricsLog {
 public:
  /// Opens existing files for appending, or creates them. Throws InputError.
  explicit MetricsLog(const std::string& directory);
  ~MetricsLog();

  /// Written immediately.
  void add(const MetricsRow& row);

  /// Lengths of both files, stored in checkpoints. Resuming truncates the files to them: later rows
  /// will be added again.
  struct Position {
    std::int64_t csv_bytes = 0;
    std::int64_t event_bytes = 0;
  };
  Position position() const;
  void truncate(const Position& position);

 private:
  class AppendedFile;
  std::unique_ptr<AppendedFile> csv_;
  std::unique_ptr<AppendedFile> events_;
};

}  // namespace tilewake
