// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/text_table.hpp"

#include <algorithm>
#include <utility>

namespace tilewake {
namespace {

constexpr std::string_view kGap = "  ";

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

/// Columns that `text` takes on a terminal: escapes of color take none.
std::size_t shown_length(std::string_view text) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\033') {
      i = std::min(text.find('m', i), text.size());
    } else {
      ++length;
    }
  }
  return length;
}

/// Appends one line of a text as one or several.
void append_wrapped(std::string& result, std::string_view line, std::size_t max_columns) {
  if (shown_length(line) <= max_columns) {
    result += line;
    return;
  }
  constexpr std::size_t kIndent = 4;
  const std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
  const std::string rest_indent(std::min(begin + kIndent, max_columns / 2), ' ');
  std::string current(begin, ' ');
  bool is_empty = true;
  std::string_view rest = line.substr(begin);
  while (!rest.empty()) {
    std::size_t space = std::min(rest.find(' '), rest.size());
    while (rest.substr(space).starts_with(" %"))  // stays with its figure
      space = std::min(rest.find(' ', space + 1), rest.size());
    // Blanks that align a word stay before it, unless the line is broken there.
    const std::size_t next = std::min(rest.find_first_not_of(' ', space), rest.size());
    const std::string_view word = rest.substr(0, space);
    if (!is_empty && shown_length(current) + shown_length(word) > max_columns) {
      current.erase(current.find_last_not_of(' ') + 1);
      result += current + "\n";
      current = rest_indent;
    }
    current += word;
    is_empty = false;
    current.append(next - space, ' ');
    rest.remove_prefix(next);
  }
  current.erase(current.find_last_not_of(' ') + 1);
  result += current;
}

}  // namespace

TextTable::TextTable(std::vector<Column> columns)
    : columns_(std::move(columns)), widths_(columns_.size(), 0), cell_widths_(columns_.size(), 0) {
  std::vector<std::string> titles;
  for (const Column& column : columns_) titles.push_back(column.title);
  add_row(std::move(titles), Emphasis::kBold);
  cell_widths_.assign(columns_.size(), 0);
}

void TextTable::add_row(std::vector<std::string> cells, Emphasis emphasis) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    widths_[i] = std::max(widths_[i], cells[i].size());
    cell_widths_[i] = std::max(cell_widths_[i], cells[i].size());
  }
  rows_.push_back({std::move(cells), emphasis});
}

std::size_t TextTable::min_width(std::size_t column) const {
  const Column& c = columns_[column];
  const bool is_name = c.alignment == Alignment::kLeft;
  const std::size_t least = is_name ? c.min_length : std::max(c.min_length, cell_widths_[column]);
  return std::min(widths_[column], least);
}

TextTable::Fit TextTable::fit(std::size_t max_columns) const {
  Fit fit{widths_, std::vector<bool>(columns_.size(), true)};
  const auto total_of = [&](const auto& width_of) {
    std::size_t total = 0;
    for (std::size_t i = 0; i < columns_.size(); ++i)
      if (fit.is_shown[i]) total += width_of(i) + kGap.size();
    return total - std::min(total, kGap.size());
  };
  const auto min_total = [&] { return total_of([&](std::size_t i) { return min_width(i); }); };
  const auto total = [&] { return total_of([&](std::size_t i) { return fit.widths[i]; }); };
  if (max_columns == 0) return fit;
  while (min_total() > max_columns) {
    std::size_t next = columns_.size();  // the column with the highest number
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (!fit.is_shown[i] || columns_[i].leave_out == 0) continue;
      if (next == columns_.size() || columns_[i].leave_out > columns_[next].leave_out) next = i;
    }
    if (next == columns_.size()) break;
    fit.is_shown[next] = false;
  }
  while (total() > max_columns) {
    std::size_t widest = columns_.size();  // of those that can be narrower
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (!fit.is_shown[i] || fit.widths[i] <= min_width(i)) continue;
      if (widest == columns_.size() || fit.widths[i] > fit.widths[widest]) widest = i;
    }
    if (widest == columns_.size()) break;
    --fit.widths[widest];
  }
  return fit;
}

std::string TextTable::to_string(bool color, std::size_t max_columns) const {
  const Fit fit = this->fit(max_columns);
  std::string text;
  for (const Row& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      if (!fit.is_shown[i]) continue;
      if (!line.empty()) line += kGap;
      const std::string cell = shortened(row.cells[i], fit.widths[i]);
      const std::string padding(fit.widths[i] - cell.size(), ' ');
      line += columns_[i].alignment == Alignment::kRight ? padding + cell : cell + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    const std::string_view escape = color ? escape_of(row.emphasis) : "";
    text += escape;
    text += line;
    if (!escape.empty()) text += "\033[0m";
    text += '\n';
  }
  std::string left_out;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (fit.is_shown[i]) continue;
    if (!left_out.empty()) left_out += ", ";
    left_out += columns_[i].title;
  }
  if (!left_out.empty())
    text += wrapped_lines("left out at this width: " + left_out + "\n", max_columns);
  return text;
}

std::string shortened(const std::string& text, std::size_t max_length) {
  constexpr std::string_view kDots = "...";
  if (text.size() <= max_length) return text;
  const std::size_t head = (max_length - kDots.size()) / 2;
  const std::size_t tail = max_length - kDots.size() - head;
  return text.substr(0, head) + std::string(kDots) + text.substr(text.size() - tail);
}

std::string wrapped_lines(std::string_view text, std::size_t max_columns) {
  if (max_columns == 0) return std::string(text);
  std::string result;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    append_wrapped(result, text.substr(0, end), max_columns);
    if (end < text.size()) result += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

std::string wrapped(const std::string& text, const std::string& indent, std::size_t columns) {
  std::string result;
  std::string line = indent;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    begin = end + 1;
    if (word.empty()) continue;
    const bool is_first = line.size() == indent.size();
    if (!is_first && line.size() + 1 + word.size() > columns) {
      result += line + "\n";
      line = indent;
    } else if (!is_first) {
      line += ' ';
    }
    line += word;
  }
  return line.size() == indent.size() ? result : result + line + "\n";
}

}  // namespace tilewake
