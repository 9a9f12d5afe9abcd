// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/text_table.hpp"

#include <algorithm>
#include <string_view>

namespace tilewake {
namespace {

std::string_view escape_of(TextTable::Emphasis emphasis) {
  switch (emphasis) {
    case TextTable::Emphasis::kBold:
      return "\033[1m";
    case TextTable::Emphasis::kDim:
      return "\033[2m";
    case TextTable::Emphasis::kNone:
      break;
  }
  return "";
}

}  // namespace

TextTable::TextTable(std::vector<Column> columns) {
  std::vector<std::string> titles;
  for (Column& column : columns) {
    alignments_.push_back(column.alignment);
    widths_.push_back(0);
    titles.push_back(std::move(column.title));
  }
  add_row(std::move(titles), Emphasis::kBold);
}

void TextTable::add_row(std::vector<std::string> cells, Emphasis emphasis) {
  for (std::size_t i = 0; i < cells.size(); ++i) widths_[i] = std::max(widths_[i], cells[i].size());
  rows_.push_back({std::move(cells), emphasis});
}

std::string TextTable::to_string(bool color) const {
  std::string text;
  for (const Row& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      if (i > 0) line += "  ";
      const std::string padding(widths_[i] - row.cells[i].size(), ' ');
      line += alignments_[i] == Alignment::kRight ? padding + row.cells[i] : row.cells[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    const std::string_view escape = color ? escape_of(row.emphasis) : "";
    text += escape;
    text += line;
    if (!escape.empty()) text += "\033[0m";
    text += '\n';
  }
  return text;
}

std::string shortened(const std::string& text, std::size_t max_length) {
  constexpr std::string_view kGap = "...";
  if (text.size() <= max_length) return text;
  const std::size_t head = (max_length - kGap.size()) / 2;
  const std::size_t tail = max_length - kGap.size() - head;
  return text.substr(0, head) + std::string(kGap) + text.substr(text.size() - tail);
}

}  // namespace tilewake
