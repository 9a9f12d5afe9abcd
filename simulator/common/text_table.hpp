// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace tilewake {

/// Columns of text for a human: as wide as their widest cell, two spaces between them.
class TextTable {
 public:
  enum class Alignment { kLeft, kRight };
  enum class Emphasis { kNone, kBold, kDim };
  struct Column {
    std::string title;
    Alignment alignment = Alignment::kRight;
  };

  explicit TextTable(std::vector<Column> columns);

  /// Cells from the left; what lies behind the last one stays empty.
  void add_row(std::vector<std::string> cells, Emphasis emphasis = Emphasis::kNone);

  /// One line a row, the titles first. With `color`, emphasis becomes terminal escapes.
  std::string to_string(bool color) const;

 private:
  struct Row {
    std::vector<std::string> cells;
    Emphasis emphasis = Emphasis::kNone;
  };

  std::vector<Alignment> alignments_;
  std::vector<std::size_t> widths_;
  std::vector<Row> rows_;
};

/// Longer names of layers, machines and networks would push the figures off the screen.
inline constexpr std::size_t kShownNameLength = 40;

/// `text` with its middle replaced by "..." where it is longer than `max_length`.
std::string shortened(const std::string& text, std::size_t max_length = kShownNameLength);

}  // namespace tilewake
