// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <istream>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/network/op_names.hpp"
#include "simulator/trace/trace_columns.hpp"
#include "simulator/trace/trace_csv.hpp"

namespace tilewake {
namespace {

// No trace of a real network comes near; sums of a row's figures stay within 64 bits.
constexpr std::uintmax_t kMaxTraceBytes = std::uintmax_t{1} << 28;
constexpr std::int64_t kMaxValue = std::int64_t{1} << 60;

constexpr std::string_view kVersionPrefix = "# tilewake-trace v";

template <typename T>
bool parse_whole(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

class Reader {
 public:
  Reader(std::istream& is, const std::string& name) : is_(is), name_(name) {}

  std::vector<TraceRow> read() {
    read_version();
    read_header();
    std::vector<TraceRow> rows;
    while (next_line()) {
      rows.push_back(read_row());
      check_name_is_new(rows.back().layer);
    }
    if (rows.empty()) fail("no layers; the file is truncated");
    return rows;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(fmt::format("{}:{}: {}", name_, std::max(line_number_, 1), what));
  }

  /// Every line ends in a line feed: one that does not was cut off.
  bool next_line() {
    if (!std::getline(is_, line_)) return false;
    ++line_number_;
    if (is_.eof()) fail("the line has no end; the file is truncated");
    return true;
  }

  void read_version() {
    const std::string expected = fmt::format("{}{}", kVersionPrefix, kTraceVersion);
    if (!next_line()) fail("the file is empty");
    if (line_ == expected) return;
    if (line_.starts_with(kVersionPrefix)) {
      fail(fmt::format("version '{}' of the trace format; this program reads v{}, simulate again",
                       printable(line_.substr(kVersionPrefix.size() - 1)), kTraceVersion));
    }
    fail(fmt::format("no trace: expected '{}' in the first line", expected));
  }

  void read_header() {
    if (!next_line()) fail("no header; the file is truncated");
    const std::vector<std::string> names = split();
    for (std::size_t i = 0; i < kTraceColumns.size(); ++i) {
      if (i < names.size() && names[i] == kTraceColumns[i].name) continue;
      fail(fmt::format("header: column {} is '{}', expected '{}'", i + 1,
                       i < names.size() ? printable(names[i]) : "", kTraceColumns[i].name));
    }
    if (names.size() > kTraceColumns.size()) {
      fail(fmt::format("header: unknown column '{}'", printable(names[kTraceColumns.size()])));
    }
  }

  TraceRow read_row() {
    const std::vector<std::string> fields = split();
    if (fields.size() != kTraceColumns.size()) {
      fail(fmt::format("{} fields, expected {}", fields.size(), kTraceColumns.size()));
    }
    TraceRow row;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      column_ = kTraceColumns[i].name;
      std::visit([&](const auto field) { parse(fields[i], row.*field); }, kTraceColumns[i].field);
    }
    if (row.layer.empty()) fail("layer: must not be empty");
    const std::string contradiction = contradiction_in(row);
    if (!contradiction.empty()) fail(contradiction);
    return row;
  }

  void check_name_is_new(const std::string& layer) {
    const auto [first, is_new] = line_of_.emplace(layer, line_number_);
    if (!is_new) {
      fail(fmt::format("layer: '{}' stands on line {} already", printable(layer), first->second));
    }
  }

  /// The fields of the line: RFC 4180 without line breaks inside of quotes.
  std::vector<std::string> split() const {
    std::vector<std::string> fields(1);
    bool quoted = false;
    for (std::size_t i = 0; i < line_.size(); ++i) {
      const char c = line_[i];
      if (quoted && c == '"' && i + 1 < line_.size() && line_[i + 1] == '"') {
        fields.back() += c;
        ++i;
      } else if (quoted) {
        quoted = c != '"';
        if (quoted) fields.back() += c;
      } else if (c == ',') {
        fields.emplace_back();
      } else if (c == '"') {
        const bool opens = i == 0 || line_[i - 1] == ',';
        if (!opens) fail(fmt::format("a stray quote in field {}", fields.size()));
        quoted = true;
      } else {
        const bool closed = i > 0 && line_[i - 1] == '"';
        if (closed) fail(fmt::format("text behind the quotes of field {}", fields.size()));
        fields.back() += c;
      }
    }
    if (quoted) fail(fmt::format("field {} has no closing quote", fields.size()));
    return fields;
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

  void parse(const std::string& text, double& value) const {
    // from_chars reads "nan" and "inf" as well.
    if (!parse_whole(text, value) || !std::isfinite(value) || value < 0.0) {
      refuse(text, "a finite number from 0");
    }
  }

  std::istream& is_;
  const std::string& name_;
  std::string line_;
  int line_number_ = 0;
  std::string_view column_;
  std::unordered_map<std::string, int> line_of_;
};

}  // namespace

std::vector<TraceRow> read_trace(std::istream& is, const std::string& name) {
  return Reader(is, name).read();
}

std::vector<TraceRow> read_trace(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) throw InputError(path + ": no such file");
  if (!std::filesystem::is_regular_file(status)) throw InputError(path + ": is not a regular file");
  if (std::filesystem::file_size(path, error) > kMaxTraceBytes) {
    throw InputError(fmt::format("{}: larger than {} bytes", path, kMaxTraceBytes));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) throw InputError(path + ": cannot open file");
  return read_trace(file, path);
}

}  // namespace tilewake
