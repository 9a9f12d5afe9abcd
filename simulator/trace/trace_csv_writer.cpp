// SPDX-License-Identifier: Apache-2.0
#include <iterator>

#include <fmt/format.h>

#include "simulator/common/csv.hpp"
#include "simulator/trace/trace_columns.hpp"
#include "simulator/trace/trace_csv.hpp"

namespace tilewake {
namespace {

class RowWriter {
 public:
  explicit RowWriter(fmt::memory_buffer& text) : text_(text) {}

  void write(const TraceRow& row) {
    for (const TraceColumn& column : kTraceColumns) {
      if (&column != kTraceColumns.data()) text_.push_back(',');
      write_field(row, column);
    }
    text_.push_back('\n');
  }

  void write_field(const TraceRow& row, const TraceColumn& column) {
    std::visit([&](const auto field) { append(row.*field); }, column.field);
  }

 private:
  void append(const std::string& value) { append_text(csv_field(value)); }
  void append(Op value) { append_text(to_string(value)); }
  void append(const KernelSize& value) { append_text(to_string(value)); }
  void append(const Steps& value) { append_text(to_string(value)); }
  void append(const Padding& value) { append_text(to_string(value)); }
  void append(Activation value) { append_text(to_string(value)); }
  void append(bool value) { text_.push_back(value ? '1' : '0'); }
  void append(std::int64_t value) { append_number(value); }
  void append(double value) { append_number(value); }  // shortest text that round-trips
  void append_text(std::string_view value) { text_.append(value.begin(), value.end()); }
  template <typename T>
  void append_number(T value) {
    fmt::format_to(std::back_inserter(text_), "{}", value);
  }

  fmt::memory_buffer& text_;
};

}  // namespace

std::string field_text(const TraceRow& row, const TraceColumn& column) {
  fmt::memory_buffer text;
  RowWriter(text).write_field(row, column);
  return fmt::to_string(text);
}

std::string trace_csv(const std::vector<TraceRow>& rows) {
  fmt::memory_buffer text;
  fmt::format_to(std::back_inserter(text), "# tilewake-trace v{}\n", kTraceVersion);
  for (const TraceColumn& column : kTraceColumns) {
    if (&column != kTraceColumns.data()) text.push_back(',');
    text.append(column.name.begin(), column.name.end());
  }
  text.push_back('\n');
  RowWriter writer(text);
  for (const TraceRow& row : rows) writer.write(row);
  return fmt::to_string(text);
}

}  // namespace tilewake
