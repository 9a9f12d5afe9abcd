// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "simulator/api/inputs.hpp"

namespace tilewake {

/// A network and its latency on a device.
struct MeasuredRow {
  int line = 0;         // in the table, counted from 1
  std::string network;  // as in the table
  Workload workload;
  std::int64_t batch = 1;   // images, also in `workload`
  double latency_ms = 0.0;  // of the whole batch, > 0
  double std_ms = 0.0;      // standard deviation of the measurement; 0: unknown
  double weight = 1.0;      // of the row in the fit, > 0
};

/// Latencies that were measured on one device.
struct MeasuredTable {
  static constexpr std::size_t kMaxRows = 10'000;

  InputFile file;
  std::vector<MeasuredRow> rows;  // at least two
};

/// Reads a CSV file: a header with the columns `network,latency_ms` and optionally `batch`,
/// `std_ms` and `weight`, in any order, and at least two rows. The columns `source` and `note` are
/// ignored, as are lines that begin with # and blanks around a field.
///
/// A network with a '/' or the ending of a network file is a path below `net_dir`, or if that is
/// empty, below the directory of the table. A bare name is NAME.yaml there, or a shipped network.
///
/// Throws InputError `file:line: column: what` for an unknown column, a latency that is not a
/// positive number, a network that cannot be read, and a network that is given twice.
MeasuredTable read_measured_table(const std::string& path, const std::string& net_dir = "");

}  // namespace tilewake
