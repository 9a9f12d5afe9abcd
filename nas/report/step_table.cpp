// SPDX-License-Identifier: Apache-2.0
#include "nas/report/step_table.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "simulator/common/csv.hpp"
#include "simulator/common/text_table.hpp"

namespace tilewake {
namespace {

constexpr std::size_t kNumColumns = 8;
using Cells = std::array<std::string, kNumColumns>;

constexpr std::array<std::string_view, kNumColumns> kStepColumns = {
    "step",   "architecture", "estimated_ms", "simulated_ms", "validation_accuracy",
    "params", "macs",         "simulated_mj"};
constexpr std::size_t kNumTextColumns = 2;  // the leftmost; numbers are right-aligned

/// A positive number with four significant digits including trailing zeros, so that figures of a
/// column are comparable for microseconds and seconds.
std::string four_digits(double value) { return fmt::format("{:#.4g}", value); }

Cells printed_cells(const StepRow& row) {
  return {row.step,
          row.architecture,
          four_digits(row.estimated_ms),
          row.simulated_ms ? four_digits(*row.simulated_ms) : "-",
          row.validation_accuracy ? fmt::format("{:.2f}", *row.validation_accuracy * 100.0) : "-",
          fmt::format("{:.3f}", static_cast<double>(row.params) / 1e6),
          fmt::format("{:.3f}", static_cast<double>(row.macs) / 1e9),
          row.simulated_mj ? four_digits(*row.simulated_mj) : "-"};
}

/// Number of characters, not bytes: UTF-8 continuation bytes do not count.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
  }));
}

std::string aligned(const Cells& cells, const std::array<std::size_t, kNumColumns>& widths) {
  std::string line;
  for (std::size_t i = 0; i < kNumColumns; ++i) {
    if (i > 0) line += "  ";
    const std::string gap(widths[i] - width_of(cells[i]), ' ');
    line += i < kNumTextColumns ? cells[i] + gap : gap + cells[i];
  }
  return line + "\n";
}

}  // namespace

std::string step_table_text(const std::vector<StepRow>& rows, std::size_t max_columns) {
  std::vector<Cells> lines = {{"step", "network", "estimated ms", "simulated ms", "validation %",
                               "params M", "GMACs", "simulated mJ"}};
  for (const StepRow& row : rows) lines.push_back(printed_cells(row));
  std::array<std::size_t, kNumColumns> widths{};
  for (const Cells& line : lines) {
    for (std::size_t i = 0; i < kNumColumns; ++i)
      widths[i] = std::max(widths[i], width_of(line[i]));
  }
  std::string text;
  for (const Cells& line : lines) text += aligned(line, widths);
  const auto total = std::accumulate(widths.begin(), widths.end(), 2 * (kNumColumns - 1));
  if (max_columns == 0 || total <= max_columns) return text;

  TextTable table({{"step", TextTable::Alignment::kLeft},
                   {"estimated ms"},
                   {"simulated ms"},
                   {"validation %"},
                   {"params M"},
                   {"GMACs"},
                   {"simulated mJ"}});
  std::string networks = "networks:\n";
  std::string steps;  // with the same network
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const Cells& cells = lines[i];
    table.add_row({cells[0], cells[2], cells[3], cells[4], cells[5], cells[6], cells[7]});
    const bool is_new = i == 1 || cells[1] != lines[i - 1][1];
    steps = is_new ? cells[0] : steps + ", " + cells[0];
    const bool is_last = i + 1 == lines.size() || cells[1] != lines[i + 1][1];
    if (is_last) networks += fmt::format("  {}: {}\n", steps, cells[1]);
  }
  return table.to_string(false, max_columns) + wrapped_lines(networks, max_columns);
}

std::string step_table_csv(const std::vector<StepRow>& rows) {
  const auto field = [](const std::optional<double>& value) {
    return value ? fmt::format("{}", *value) : std::string();
  };
  std::string text = fmt::format("# tilewake-steps v1\n{}\n", fmt::join(kStepColumns, ","));
  for (const StepRow& row : rows) {
    text +=
        fmt::format("{},{},{},{},{},{},{},{}\n", csv_field(row.step), csv_field(row.architecture),
                    row.estimated_ms, field(row.simulated_ms), field(row.validation_accuracy),
                    row.params, row.macs, field(row.simulated_mj));
  }
  return text;
}

std::string step_table_json(const std::vector<StepRow>& rows) {
  using Json = nlohmann::ordered_json;
  const auto or_null = [](const std::optional<double>& value) {
    return value ? Json(*value) : Json(nullptr);
  };
  Json array = Json::array();
  for (const StepRow& row : rows) {
    array.push_back({{kStepColumns[0], row.step},
                     {kStepColumns[1], row.architecture},
                     {kStepColumns[2], row.estimated_ms},
                     {kStepColumns[3], or_null(row.simulated_ms)},
                     {kStepColumns[4], or_null(row.validation_accuracy)},
                     {kStepColumns[5], row.params},
                     {kStepColumns[6], row.macs},
                     {kStepColumns[7], or_null(row.simulated_mj)}});
  }
  return array.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace tilewake
