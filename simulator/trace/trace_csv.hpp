// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/trace/trace_row.hpp"

namespace tilewake {

/// Bumped whenever a column is added, removed or changes meaning.
inline constexpr int kTraceVersion = 2;

/// `# tilewake-trace v2`, a header line and one CSV line a row: the text of layers.csv.
std::string trace_csv(const std::vector<TraceRow>& rows);

/// The rows of a layers.csv, and where they stand.
struct TraceFile {
  std::string name;  // as errors call it
  std::vector<TraceRow> rows;

  /// Throws InputError `file:line: column: what` about rows[row]; for what the reader cannot know,
  /// as that it is not of the machine in question.
  [[noreturn]] void fail(std::size_t row, std::string_view column, const std::string& what) const;
};

/// Inverse of trace_csv: reads the file at `path`. It may hold several measurements (a network on a
/// machine), one after another.
///
/// Throws InputError `file:line: column: what` on another version, another header, a malformed or
/// truncated line, and on rows that contradict themselves (contradiction_in) or one another.
TraceFile read_trace(const std::string& path);

/// Same, from a stream; `name` stands in for the file in errors.
TraceFile read_trace(std::istream& is, const std::string& name);

}  // namespace tilewake
