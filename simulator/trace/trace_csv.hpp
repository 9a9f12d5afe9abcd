// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "simulator/trace/trace_row.hpp"

namespace tilewake {

/// Bumped whenever a column is added, removed or changes meaning.
inline constexpr int kTraceVersion = 1;

/// `# tilewake-trace v1`, a header line and one CSV line a row: the text of layers.csv.
std::string trace_csv(const std::vector<TraceRow>& rows);

/// Inverse of trace_csv: reads the file at `path`.
///
/// Throws InputError `file:line: column: what` on another version, another header, a malformed or
/// truncated line, and on rows that contradict themselves (contradiction_in) or one another.
std::vector<TraceRow> read_trace(const std::string& path);

/// Same, from a stream; `name` stands in for the file in errors.
std::vector<TraceRow> read_trace(std::istream& is, const std::string& name);

}  // namespace tilewake
