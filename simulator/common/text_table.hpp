// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tilewake {

/// Columns of text for a human: as wide as their widest cell, two spaces between them.
///
/// A table that is wider than the terminal is narrowed by one rule, until it fits:
/// 1. Columns that can be left out (`Column::leave_out`) are, those with the highest number first,
///    if the table would be too wide even with the shortest names. A line below the table names
///    them.
/// 2. Names (left-aligned cells), and titles that are wider than their figures, are shortened in
///    the middle, the widest column first, down to `Column::min_length` bytes. Figures are never
///    shortened.
class TextTable {
 public:
  enum class Alignment { kLeft, kRight };
  enum class Emphasis { kNone, kBold, kDim };
  struct Column {
    std::string title;
    Alignment alignment = Alignment::kRight;
    int leave_out = 0;            // 0: never
    std::size_t min_length = 12;  // of a name
  };

  explicit TextTable(std::vector<Column> columns);

  /// Cells from the left; what lies behind the last one stays empty.
  void add_row(std::vector<std::string> cells, Emphasis emphasis = Emphasis::kNone);

  /// One line a row, the titles first. With `color`, emphasis becomes terminal escapes.
  ///   @param max_columns  of a line; 0: any number
  std::string to_string(bool color, std::size_t max_columns = 0) const;

 private:
  struct Row {
    std::vector<std::string> cells;
    Emphasis emphasis = Emphasis::kNone;
  };
  struct Fit {
    std::vector<std::size_t> widths;
    std::vector<bool> is_shown;
  };

  Fit fit(std::size_t max_columns) const;
  std::size_t min_width(std::size_t column) const;

  std::vector<Column> columns_;
  std::vector<std::size_t> widths_;
  std::vector<std::size_t> cell_widths_;  // without the title
  std::vector<Row> rows_;
};

/// Longer names of layers, machines and networks would push the figures off the screen.
inline constexpr std::size_t kShownNameLength = 40;

/// `text` with its middle replaced by "..." where it is longer than `max_length`.
std::string shortened(const std::string& text, std::size_t max_length = kShownNameLength);

/// `text` with each line that is longer than `max_columns` (0: none is) broken at blanks; the rest
/// of a line is indented by four more than its beginning. Longer words are not broken. Terminal
/// escapes take no columns.
std::string wrapped_lines(std::string_view text, std::size_t max_columns);

/// The words of `text` in lines of at most `columns` bytes, each of which begins with `indent` and
/// ends with a line feed. Longer words are not broken.
std::string wrapped(const std::string& text, const std::string& indent, std::size_t columns);

}  // namespace tilewake
