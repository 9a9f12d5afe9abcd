// SPDX-License-Identifier: Apache-2.0
#include "latency_model/fit/measured_table.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/csv.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/file_format.hpp"
#include "simulator/common/nearest_name.hpp"
#include "simulator/common/regular_file.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/network/limits.hpp"

namespace tilewake {
namespace {

namespace fs = std::filesystem;

constexpr double kLeastLatencyMs = 1e-9;
constexpr double kMaxLatencyMs = 1e9;
constexpr double kMaxWeight = 1e6;

/// A line without the blanks before and after its fields; those within quotes are kept.
std::string without_blanks(std::string_view line) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  std::string text;
  bool is_quoted = false;
  std::size_t kept = 0;  // bytes of `text` that are not trailing blanks of the field
  bool is_at_begin = true;
  for (const char c : line) {
    if (!is_quoted && c == ',') {
      text.resize(kept);
      is_at_begin = true;
    } else if (!is_quoted && is_blank(c)) {
      if (!is_at_begin) text += c;
      continue;
    } else {
      is_at_begin = false;
    }
    if (c == '"') is_quoted = !is_quoted;
    text += c;
    kept = text.size();
  }
  if (!is_quoted) text.resize(kept);
  return text;
}

/// Parses a table line by line.
class TableParser {
 public:
  TableParser(const std::string& path, const std::string& net_dir)
      : path_(path),
        directory_(net_dir.empty() ? fs::path(path).parent_path() : fs::path(net_dir)) {}

  void read_line(std::string_view line) {
    ++line_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') return;
    const std::optional<std::vector<std::string>> fields = csv_fields(without_blanks(line));
    if (!fields) fail("a quote is missing or misplaced");
    if (columns_.empty()) {
      read_header(*fields);
    } else {
      read_row(*fields);
    }
  }

  std::vector<MeasuredRow> finish() {
    if (columns_.empty()) fail("expected a header with the columns network,latency_ms");
    if (rows_.size() < 2) {
      fail(fmt::format("expected at least two rows, found {}", rows_.size()));
    }
    return std::move(rows_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(fmt::format("{}:{}: {}", path_, std::max(line_, 1), what));
  }

  void read_header(const std::vector<std::string>& fields) {
    static const std::vector<std::string> known = {"network", "latency_ms", "batch", "std_ms",
                                                   "weight",  "source",     "note"};
    for (const std::string& name : fields) {
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        fail(
            fmt::format("unknown column {}; expected network,latency_ms and optionally batch, "
                        "std_ms, weight, source, note{}",
                        printable(name), suggestion(name, known)));
      }
      if (!columns_.emplace(name, columns_.size()).second) {
        fail(fmt::format("column {} is given twice", name));
      }
    }
    for (const char* name : {"network", "latency_ms"}) {
      if (!columns_.contains(name)) fail(fmt::format("column {} is missing", name));
    }
  }

  void read_row(const std::vector<std::string>& fields) {
    if (fields.size() != columns_.size()) {
      fail(fmt::format("expected {} fields, found {}", columns_.size(), fields.size()));
    }
    if (rows_.size() >= MeasuredTable::kMaxRows) {
      fail(fmt::format("more than {} rows", MeasuredTable::kMaxRows));
    }
    MeasuredRow row;
    row.line = line_;
    row.network = fields[columns_.at("network")];
    row.latency_ms = latency(fields);
    if (has(fields, "std_ms")) row.std_ms = number(fields, "std_ms", 0.0, true, kMaxLatencyMs);
    if (has(fields, "weight")) row.weight = number(fields, "weight", 0.0, false, kMaxWeight);
    const std::string file = place_of(row.network);
    const std::optional<std::int64_t> batch =
        has(fields, "batch") ? std::optional(integer(fields, "batch")) : std::nullopt;
    try {
      row.workload = read_workload(file);
      if (batch) row.workload = with_batch(std::move(row.workload), *batch);
      row.batch = row.workload.batch();
    } catch (const InputError& e) {
      const bool is_model = network_format(file) != FileFormat::kText;
      fail(fmt::format("network: {}{}", e.what(),
                       is_model ? "; a table takes no options of models: write the network that is "
                                  "to be fitted with 'tilewake convert --net FILE ... --out "
                                  "FILE.yaml'"
                                : ""));
    }
    std::error_code error;
    const fs::path place = fs::weakly_canonical(row.workload.file.path, error);
    const auto [first, is_new] =
        lines_.try_emplace({error ? row.workload.file.path : place.string(), row.batch}, line_);
    if (!is_new) {
      fail(fmt::format("network: {} is given twice, first in line {}", printable(row.network),
                       first->second));
    }
    rows_.push_back(std::move(row));
  }

  /// What read_workload() reads.
  std::string place_of(const std::string& name) const {
    if (name.empty()) fail("network: is empty");
    if (name.find('\0') != std::string::npos) fail("network: has a byte of value 0");
    const fs::path path(name);
    const bool is_path = name.find('/') != std::string::npos || path.has_extension();
    const fs::path candidate = directory_ / (is_path ? path : fs::path(name + ".yaml"));
    std::error_code error;
    if (!is_path && !fs::exists(candidate, error)) return name;  // a shipped network
    const std::string text = candidate.string();
    return text.find('/') == std::string::npos ? "./" + text : text;
  }

  bool has(const std::vector<std::string>& fields, const char* column) const {
    const auto found = columns_.find(column);
    return found != columns_.end() && !fields[found->second].empty();
  }

  double latency(const std::vector<std::string>& fields) const {
    const std::string& text = fields[columns_.at("latency_ms")];
    double value = 0.0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_number = error == std::errc() && end == text.data() + text.size();
    if (!is_number || !(value >= kLeastLatencyMs && value <= kMaxLatencyMs)) {
      fail(fmt::format("latency_ms: must be a positive number of milliseconds{}, not '{}'",
                       is_number && value > 0.0
                           ? fmt::format(" from {} to {}", kLeastLatencyMs, kMaxLatencyMs)
                           : "",
                       printable(text)));
    }
    return value;
  }

  double number(const std::vector<std::string>& fields, const char* column, double min,
                bool with_min, double max) const {
    const std::string& text = fields[columns_.at(column)];
    double value = 0.0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_number = error == std::errc() && end == text.data() + text.size();
    if (!is_number || !std::isfinite(value) || value > max || value < min ||
        (!with_min && value == min)) {
      fail(fmt::format("{}: {} is not a number {} {} and up to {}", column,
                       text.empty() ? "an empty field" : printable(text),
                       with_min ? "of at least" : "above", min, max));
    }
    return value;
  }

  std::int64_t integer(const std::vector<std::string>& fields, const char* column) const {
    const std::string& text = fields[columns_.at(column)];
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 1 ||
        value > kMaxBatch) {
      fail(
          fmt::format("{}: {} is not an integer from 1 to {}", column, printable(text), kMaxBatch));
    }
    return value;
  }

  std::string path_;
  fs::path directory_;
  int line_ = 0;
  std::map<std::string, std::size_t> columns_;
  std::map<std::pair<std::string, std::int64_t>, int> lines_;  // of each network and batch
  std::vector<MeasuredRow> rows_;
};

}  // namespace

MeasuredTable read_measured_table(const std::string& path, const std::string& net_dir) {
  MeasuredTable table{{path, read_text_file(path)}, {}};
  TableParser parser(path, net_dir);
  std::string_view text = table.file.text;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // the mark of some spreadsheets
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    parser.read_line(text.substr(begin, end - begin));
    begin = end + 1;
  }
  table.rows = parser.finish();
  return table;
}

}  // namespace tilewake
