// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tilewake {

/// Result of one step of a run: a network and its figures.
struct StepRow {
  std::string step;          // "search", "scaling", ...
  std::string architecture;  // short description
  double estimated_ms = 0.0;
  std::optional<double> simulated_ms;
  std::optional<double> validation_accuracy;  // 0..1
  std::int64_t params = 0;
  std::int64_t macs = 0;
  std::optional<double> simulated_mj;
};

/// Columns for display: ms and mJ with four digits, validation accuracy in percent, parameters in
/// millions, GMACs;
/// "-" for missing figures. The first line has the titles; every line ends in a line feed.
///   @param max_columns  of a line; 0: any number. The networks of a wider table are below it,
///   equal ones
///                       of successive steps once.
std::string step_table_text(const std::vector<StepRow>& rows, std::size_t max_columns = 0);

/// `# tilewake-steps v1`, a line of names, one line per row; empty fields for missing figures.
std::string step_table_csv(const std::vector<StepRow>& rows);

/// A JSON array of objects with the names of the CSV; null for missing figures. Bytes that are not
/// UTF-8 are replaced.
std::string step_table_json(const std::vector<StepRow>& rows);

}  // namespace tilewake
