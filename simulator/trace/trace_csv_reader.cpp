// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <istream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/regular_file.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/network/op_names.hpp"
#include "simulator/trace/trace_columns.hpp"
#include "simulator/trace/trace_csv.hpp"

namespace tilewake {
namespace {

// Far above traces of real networks; sums of a row's figures stay within 64 bits.
constexpr std::size_t kMaxTraceBytes = std::size_t{1} << 28;
constexpr std::size_t kMaxLineBytes = std::size_t{1} << 20;
constexpr std::int64_t kMaxValue = std::int64_t{1} << 60;

constexpr std::string_view kVersionPrefix = "# tilewake-trace v";

// Rows follow the version line and the header.
constexpr std::size_t kFirstRowLine = 3;

template <typename T>
bool parse_whole(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

class Reader {
 public:
  Reader(std::istream& is, const std::string& name) : is_(is), name_(name) {}

  TraceFile read() {
    read_version();
    read_header();
    TraceFile file;
    file.name = name_;
    while (next_line()) {
      file.rows.push_back(read_row());
      check_measurement(file.rows);
    }
    if (file.rows.empty()) fail("no layers; the file is truncated");
    return file;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(fmt::format("{}:{}: {}", name_, std::max(line_number_, 1), what));
  }

  /// Every line ends in LF or CR LF; a line without one is truncated.
  bool next_line() {
    if (!std::getline(is_, line_)) return false;
    ++line_number_;
    if (is_.eof()) fail("the last line has no line feed; the file is truncated");
    if (line_.size() > kMaxLineBytes) {
      fail(fmt::format("the line is longer than {} bytes", kMaxLineBytes));
    }
    if (line_.ends_with('\r')) line_.pop_back();  // from an editor or git
    return true;
  }

  void read_version() {
    const std::string expected = fmt::format("{}{}", kVersionPrefix, kTraceVersion);
    if (!next_line()) fail("the file is empty");
    for (int version = kOldestTraceVersion; version <= kTraceVersion; ++version) {
      if (line_ != fmt::format("{}{}", kVersionPrefix, version)) continue;
      for (const TraceColumn& column : kTraceColumns)
        if (column.since <= version) columns_.push_back(&column);
      return;
    }
    if (line_.starts_with(kVersionPrefix)) {
      fail(fmt::format("trace format version '{}'; this program reads v{} to v{}: simulate again",
                       printable(line_.substr(kVersionPrefix.size() - 1)), kOldestTraceVersion,
                       kTraceVersion));
    }
    fail(fmt::format("not a trace: expected '{}' in the first line", expected));
  }

  void read_header() {
    if (!next_line()) fail("no header; the file is truncated");
    split();
    const std::vector<std::string>& names = fields_;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (i < names.size() && names[i] == columns_[i]->name) continue;
      fail(fmt::format("header: column {} is '{}', expected '{}'", i + 1,
                       i < names.size() ? printable(names[i]) : "", columns_[i]->name));
    }
    if (names.size() > columns_.size()) {
      fail(fmt::format("header: unknown column '{}'", printable(names[columns_.size()])));
    }
  }

  TraceRow read_row() {
    split();
    if (fields_.size() != columns_.size()) {
      fail(fmt::format("{} fields, expected {}", fields_.size(), columns_.size()));
    }
    TraceRow row;
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      column_ = columns_[i]->name;
      std::visit([&](const auto field) { parse(fields_[i], row.*field); }, columns_[i]->field);
    }
    const bool reads_nothing = row.op == Op::kInput || row.op == Op::kConstant;
    for (const auto field : {&TraceRow::layer, &TraceRow::inputs, &TraceRow::network,
                             &TraceRow::machine, &TraceRow::version}) {
      if (reads_nothing && field == &TraceRow::inputs) continue;
      if ((row.*field).empty()) fail(fmt::format("{}: must not be empty", name_of(field)));
    }
    const std::string contradiction = contradiction_in(row);
    if (!contradiction.empty()) fail(contradiction);
    return row;
  }

  static std::string_view name_of(std::string TraceRow::*field) {
    const auto* found =
        std::find_if(kTraceColumns.begin(), kTraceColumns.end(),
                     [&](const TraceColumn& column) { return column.field == TraceField(field); });
    return found->name;
  }

  /// Checks the last row against the earlier ones: the rows of a measurement are contiguous, and
  /// each layer has one row.
  void check_measurement(const std::vector<TraceRow>& rows) {
    const TraceRow& row = rows.back();
    const TraceRow* before = rows.size() < 2 ? nullptr : &rows[rows.size() - 2];
    if (before == nullptr || row.network != before->network || row.machine != before->machine) {
      const auto [first, is_new] =
          measurement_line_.emplace(std::pair(row.network, row.machine), line_number_);
      if (!is_new) {
        fail(fmt::format("network: the rows of '{}' from line {} on are not contiguous",
                         printable(row.network), first->second));
      }
      layer_line_ = {};
    } else if (row.version != before->version) {
      fail(fmt::format("version: '{}', but '{}' on the line above for the same network",
                       printable(row.version), printable(before->version)));
    }
    const auto [first, is_new] = layer_line_.emplace(row.layer, line_number_);
    if (!is_new) {
      fail(fmt::format("layer: '{}' is already on line {}", printable(row.layer), first->second));
    }
  }

  /// Splits the line into fields_: RFC 4180 without line breaks in quotes.
  void split() {
    std::size_t num_fields = 0;
    const auto begin_field = [&]() -> std::string& {
      if (num_fields == fields_.size()) fields_.emplace_back();
      fields_[num_fields].clear();  // keeps its memory: a trace has millions of fields
      return fields_[num_fields++];
    };
    std::string* field = &begin_field();
    bool quoted = false;
    for (std::size_t i = 0; i < line_.size(); ++i) {
      const char c = line_[i];
      if (quoted && c == '"' && i + 1 < line_.size() && line_[i + 1] == '"') {
        *field += c;
        ++i;
      } else if (quoted) {
        quoted = c != '"';
        if (quoted) *field += c;
      } else if (c == ',') {
        field = &begin_field();
      } else if (c == '"') {
        const bool opens = i == 0 || line_[i - 1] == ',';
        if (!opens) fail(fmt::format("unexpected quote in field {}", num_fields));
        quoted = true;
      } else {
        const bool closed = i > 0 && line_[i - 1] == '"';
        if (closed) fail(fmt::format("text after the closing quote of field {}", num_fields));
        *field += c;
      }
    }
    if (quoted) fail(fmt::format("field {} has no closing quote", num_fields));
    fields_.resize(num_fields);
  }

  [[noreturn]] void refuse(const std::string& text, std::string_view expected) const {
    fail(fmt::format("{}: cannot read '{}' as {}", column_, printable(text), expected));
  }

  static void parse(const std::string& text, std::string& value) { value = text; }

  void parse(const std::string& text, Op& value) const {
    const auto* found = std::find_if(kOpNames.begin(), kOpNames.end(),
                                     [&](const auto& entry) { return entry.first == text; });
    if (found == kOpNames.end()) refuse(text, "an op");
    value = found->second;
  }

  void parse(const std::string& text, Activation& value) const {
    const auto* found = std::find_if(kActivationNames.begin(), kActivationNames.end(),
                                     [&](const auto& entry) { return entry.first == text; });
    if (found == kActivationNames.end()) refuse(text, "an activation");
    value = found->second;
  }

  void parse(const std::string& text, std::int64_t& value) const {
    if (!parse_whole(text, value) || value < 0 || value > kMaxValue) {
      refuse(text, fmt::format("an integer from 0 to {}", kMaxValue));
    }
  }

  void parse(const std::string& text, KernelSize& value) const {
    const std::size_t cross = text.find('x');
    if (cross == std::string::npos ||
        !parse_whole(std::string_view(text).substr(0, cross), value.height) ||
        !parse_whole(std::string_view(text).substr(cross + 1), value.width) || value.height < 1 ||
        value.width < 1) {
      refuse(text, "HEIGHTxWIDTH");
    }
  }

  void parse(const std::string& text, Steps& value) const {
    const std::string_view all = text;
    const std::size_t cross = all.find('x');
    const bool is_one = cross == std::string::npos;
    if (!parse_whole(all.substr(0, cross), value.height) ||
        !parse_whole(is_one ? all : all.substr(cross + 1), value.width) || value.height < 1 ||
        value.width < 1) {
      refuse(text, "a number or HEIGHTxWIDTH");
    }
  }

  void parse(const std::string& text, Padding& value) const {
    std::array<std::int64_t, 4> sides{};
    std::string_view rest = text;
    for (std::size_t i = 0; i < sides.size(); ++i) {
      const std::size_t slash = i + 1 < sides.size() ? rest.find('/') : rest.size();
      if (slash == std::string_view::npos || !parse_whole(rest.substr(0, slash), sides[i]) ||
          sides[i] < -kMaxValue || sides[i] > kMaxValue) {
        refuse(text, "TOP/LEFT/BOTTOM/RIGHT");
      }
      rest.remove_prefix(std::min(slash + 1, rest.size()));
    }
    value = {sides[0], sides[1], sides[2], sides[3]};
  }

  void parse(const std::string& text, bool& value) const {
    if (text != "0" && text != "1") refuse(text, "0 or 1");
    value = text == "1";
  }

  void parse(const std::string& text, double& value) const {
    // from_chars accepts "nan" and "inf", too.
    if (!parse_whole(text, value) || !std::isfinite(value) || value < 0.0) {
      refuse(text, "a finite number from 0");
    }
  }

  std::istream& is_;
  const std::string& name_;
  std::string line_;
  int line_number_ = 0;
  std::vector<const TraceColumn*> columns_;  // of the file's version
  std::string_view column_;
  std::vector<std::string> fields_;                                      // of the current line
  std::map<std::pair<std::string, std::string>, int> measurement_line_;  // network, machine
  std::unordered_map<std::string, int> layer_line_;                      // of this measurement
};

}  // namespace

void TraceFile::fail(std::size_t row, std::string_view column, const std::string& what) const {
  throw InputError(fmt::format("{}:{}: {}: {}", name, row + kFirstRowLine, column, what));
}

TraceFile read_trace(std::istream& is, const std::string& name) { return Reader(is, name).read(); }

TraceFile read_trace(const std::string& path) {
  std::istringstream text(read_text_file(path, kMaxTraceBytes));
  return read_trace(text, path);
}

}  // namespace tilewake
