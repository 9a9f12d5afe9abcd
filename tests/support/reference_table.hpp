// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/source_files.hpp"

namespace tilewake {

/// The pieces of `text` between `separator`s; one empty piece for an empty text.
inline std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> pieces(1);
  for (const char c : text) {
    if (c == separator) {
      pieces.emplace_back();
    } else {
      pieces.back() += c;
    }
  }
  return pieces;
}

inline std::vector<std::int64_t> split_numbers(const std::string& text, char separator) {
  std::vector<std::int64_t> numbers;
  if (text.empty()) return numbers;
  for (const std::string& piece : split(text, separator)) numbers.push_back(std::stoll(piece));
  return numbers;
}

/// One line of a table in tests/reference: its fields by column.
class ReferenceRow {
 public:
  ReferenceRow(const std::vector<std::string>& columns, const std::string& line) : line_(line) {
    const std::vector<std::string> fields = split(line, ',');
    if (fields.size() != columns.size()) throw std::runtime_error("malformed line: " + line);
    for (std::size_t i = 0; i < fields.size(); ++i) fields_[columns[i]] = fields[i];
  }

  const std::string& text(const std::string& column) const { return fields_.at(column); }
  std::int64_t number(const std::string& column) const { return std::stoll(text(column)); }
  const std::string& line() const { return line_; }

 private:
  std::string line_;
  std::map<std::string, std::string> fields_;
};

/// Reads a CSV file of tests/reference: comment lines begin with '#', then comes a header line.
inline std::vector<ReferenceRow> read_reference_table(const std::string& name) {
  std::istringstream file(read_file(source_path("tests/reference/" + name)));
  std::vector<std::string> columns;
  std::vector<ReferenceRow> rows;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();  // some files have CR LF
    if (line.empty() || line[0] == '#') continue;
    if (columns.empty()) {
      columns = split(line, ',');
    } else {
      rows.emplace_back(columns, line);
    }
  }
  return rows;
}

}  // namespace tilewake
