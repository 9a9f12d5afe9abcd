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
  std::optional<double> loss;            // mean since the row before
  std::optional<double> train_accuracy;  // 0..1
  std::optional<double> validation_loss;
  std::optional<double> validation_accuracy;
  std::optional<double> latency_ms;
  std::optional<double> gap_ms;  // latency - target
};

/// metrics.csv and a TensorBoard event file (tag "phase/column"), of a directory, both appended to
/// while a run goes on. The CSV holds no time: equal runs give equal files.
class MetricsLog {
 public:
  /// Goes on with the files that are there, or begins them. Throws InputError.
  explicit MetricsLog(const std::string& directory);
  ~MetricsLog();

  /// Written at once.
  void add(const MetricsRow& row);

  /// Length of both files, for a checkpoint; and back to it: what was added after the checkpoint is
  /// taken off, as it will come again.
  struct Position {
    std::int64_t csv_bytes = 0;
    std::int64_t event_bytes = 0;
  };
  Position position() const;
  void truncate(const Position& position);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tilewake
