// SPDX-License-Identifier: Apache-2.0
#include "latency_model/report/csv_table.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <system_error>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "simulator/common/csv.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/regular_file.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

constexpr std::size_t kMaxLineBytes = std::size_t{1} << 20;

template <typename T>
bool parse_all(const std::string& text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

nlohmann::ordered_json json_of_field(const std::string& text) {
  if (text.empty()) return nullptr;
  std::int64_t integer = 0;
  if (parse_all(text, integer)) return integer;
  double number = 0.0;
  if (parse_all(text, number) && std::isfinite(number)) return number;
  return text;
}

}  // namespace

nlohmann::ordered_json read_csv_columns(const std::string& path, const CsvFormat& format) {
  const std::string text = read_text_file(path, kMaxTableBytes);
  std::size_t line_number = 0;
  const auto fail = [&](const std::string& what) {
    throw InputError(fmt::format("{}:{}: {}", path, line_number, what));
  };
  std::vector<std::string> names;
  std::vector<nlohmann::ordered_json> columns;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    ++line_number;
    if (end == std::string::npos) fail("the last line has no line feed; the file is truncated");
    const std::string_view line(text.data() + begin, end - begin);
    begin = end + 1;
    if (line_number == 1) {
      if (line != format.first_line) fail(fmt::format("expected '{}'", format.first_line));
      continue;
    }
    if (line.size() > kMaxLineBytes) fail(fmt::format("longer than {} bytes", kMaxLineBytes));
    if (line_number > format.max_rows + 2) fail(fmt::format("more than {} rows", format.max_rows));
    const std::optional<std::vector<std::string>> fields = csv_fields(line);
    if (!fields) fail("is not CSV: a quote is missing or misplaced");
    if (names.empty()) {
      names = *fields;
      if (names.size() > kMaxTableColumns) {
        fail(fmt::format("more than {} columns", kMaxTableColumns));
      }
      std::set<std::string_view> seen;
      for (const std::string& name : names) {
        if (!seen.insert(name).second) {
          fail(fmt::format("column '{}' is there twice", printable(name)));
        }
      }
      for (const std::string_view name : format.columns) {
        if (!name.empty() && !seen.contains(name)) {
          fail(fmt::format("column '{}' is missing", name));
        }
      }
      columns.assign(names.size(), nlohmann::ordered_json::array());
      continue;
    }
    if (fields->size() != names.size()) {
      fail(fmt::format("{} fields, expected {}", fields->size(), names.size()));
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
      columns[i].push_back(json_of_field((*fields)[i]));
    }
  }
  if (names.empty()) {
    ++line_number;
    fail("no header; the file is truncated");
  }
  nlohmann::ordered_json table = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < names.size(); ++i) table[names[i]] = std::move(columns[i]);
  return table;
}

}  // namespace tilewake
