// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/trace/trace_row.hpp"

namespace tilewake {

/// Incremented whenever a column is added, removed or changes meaning.
inline constexpr int kTraceVersion = 6;

/// The text of layers.csv: `# tilewake-trace v6`, a header line and one CSV line per row.
std::string trace_csv(const std::vector<TraceRow>& rows);

/// The rows of a layers.csv, and their positions.
struct TraceFile {
  std::string name;  // as used in error messages
  std::vector<TraceRow> rows;

  /// Throws InputError `file:line: column: message` about rows[row], for checks that the reader
  /// cannot do (e.g. the machine).
  [[noreturn]] void fail(std::size_t row, std::string_view column, const std::string& what) const;
};

/// Inverse of trace_csv: reads the file at `path`. It may contain several measurements (a network
/// on a machine), one after another.
///
/// Throws InputError `file:line: column: message` for another version or header, for a malformed or
/// truncated line, and for rows that are inconsistent (contradiction_in) or conflict with each
/// other.
TraceFile read_trace(const std::string& path);

/// Same, from a stream; `name` replaces the path in error messages.
TraceFile read_trace(std::istream& is, const std::string& name);

}  // namespace tilewake
