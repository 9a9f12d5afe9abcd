// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace tilewake {

inline constexpr std::size_t kMaxTableBytes = std::size_t{64} << 20;
inline constexpr std::size_t kMaxTableRows = 200'000;  // a sweep has at most 100,000 points
inline constexpr std::size_t kMaxTableColumns = 1000;

/// A CSV format of the tool.
struct CsvFormat {
  std::string_view first_line;                // such as `# tilewake-sweep v1`
  std::array<std::string_view, 5> columns{};  // that every such file has; empty: none
  std::size_t max_rows = kMaxTableRows;
};

/// Reads a CSV file of the tool: the first line of the format, a line of names, and rows. Returns
/// an object with one array per column: numbers where the text is one, null where it is empty,
/// otherwise strings.
///
/// Throws InputError `file:line: message` for another first line, a missing or repeated name, a row
/// of another length, a bad quote, and for more bytes, rows or columns than above.
nlohmann::ordered_json read_csv_columns(const std::string& path, const CsvFormat& format);

}  // namespace tilewake
