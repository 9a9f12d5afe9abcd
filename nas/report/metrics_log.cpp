// SPDX-License-Identifier: Apache-2.0
#include "nas/report/metrics_log.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "nas/report/event_record.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/csv.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/output_ledger.hpp"
#include "simulator/common/regular_file.hpp"

namespace tilewake {
namespace {

constexpr std::string_view kCsvName = "metrics.csv";
// TensorBoard reads every file with "tfevents" in its name; the number, usually the time, only
// orders several files.
constexpr std::string_view kEventName = "events.out.tfevents.0000000000.tilewake";
// A row takes 100 bytes, so that this is a million epochs.
constexpr std::size_t kMaxLogBytes = std::size_t{256} << 20;
constexpr std::string_view kVersionLine = "# tilewake-metrics v2\n";

/// The numeric columns, which are also tags, in file order.
using Values = std::array<std::pair<std::string_view, std::optional<double>>, 8>;

Values values_of(const MetricsRow& row) {
  return {{{"epoch", row.epoch},
           {"learning_rate", row.learning_rate},
           {"loss", row.loss},
           {"train_accuracy", row.train_accuracy},
           {"validation_loss", row.validation_loss},
           {"validation_accuracy", row.validation_accuracy},
           {"latency_ms", row.latency_ms},
           {"gap_ms", row.gap_ms}}};
}

std::string csv_head() {
  std::string text = std::string(kVersionLine) + "phase,step";
  for (const auto& [name, value] : values_of({})) text += fmt::format(",{}", name);
  return text + ",gates\n";
}

std::string csv_line(const MetricsRow& row) {
  std::string text = fmt::format("{},{}", csv_field(row.phase), row.step);
  for (const auto& [name, value] : values_of(row)) {
    text += value ? fmt::format(",{}", *value) : ",";  // shortest text that round-trips
  }
  return text + "," + csv_field(row.gates) + "\n";
}

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// End positions of the lines of `text` from `first`. A truncated line is ignored.
std::vector<std::size_t> line_ends(std::string_view text, std::size_t first) {
  std::vector<std::size_t> ends;
  for (std::size_t i = first; i < text.size(); ++i) {
    if (text[i] == '\n') ends.push_back(i + 1);
  }
  return ends;
}

[[noreturn]] void fail(const std::string& path, const std::string& action, int error) {
  throw InputError(fmt::format("{}: cannot {}: {}", path, action, std::strerror(error)));
}

void cut(const std::string& path, std::size_t bytes) {
  std::error_code error;
  std::filesystem::resize_file(path, bytes, error);
  if (error) throw InputError(fmt::format("{}: cannot shorten file: {}", path, error.message()));
}

std::vector<std::size_t> csv_ends(std::string_view text, const std::string& path) {
  const std::string head = csv_head();
  // The existing bytes must agree; a truncated head is rewritten.
  if (text.substr(0, head.size()) != std::string_view(head).substr(0, text.size())) {
    throw InputError(fmt::format(
        "{}:1: not a metrics file of this version; expected "
        "'{}' and then the line '{}'",
        path, kVersionLine.substr(0, kVersionLine.size() - 1),
        std::string_view(head).substr(kVersionLine.size(), head.size() - kVersionLine.size() - 1)));
  }
  return line_ends(text, head.size() - 1);
}

std::string path_in(const std::string& directory, std::string_view name) {
  return (std::filesystem::path(directory) / name).string();
}

}  // namespace

/// A file that grows by whole pieces (lines, records), and can be truncated between two pieces.
class MetricsLog::AppendedFile {
 public:
  using Ends = std::vector<std::size_t> (*)(std::string_view text, const std::string& path);

  /// @param head  first bytes of a new file
  AppendedFile(std::string path, const std::string& head, Ends ends)
      : path_(std::move(path)), ends_(ends) {
    std::error_code ignored;
    const bool is_new = !std::filesystem::exists(path_, ignored);
    OutputLedger::note(path_);
    if (!is_new) remove_cut_off();  // first: opening a pipe for writing can block
    // In "append" mode every write goes to the current end of the file, also after truncation.
    file_.reset(std::fopen(path_.c_str(), "ab"));
    if (!file_) fail(path_, "open file", errno);
    if (size_ == 0) append(head);
  }

  void append(const std::string& piece) {
    if (std::fwrite(piece.data(), 1, piece.size(), file_.get()) != piece.size() ||
        std::fflush(file_.get()) != 0) {
      fail(path_, "write file", errno);
    }
    size_ += piece.size();
  }

  void check_end(std::int64_t bytes) const {
    if (bytes > size()) {
      throw InputError(
          fmt::format("{}: has {} bytes, but had {} when the checkpoint was written; it "
                      "was changed since",
                      path_, size_, bytes));
    }
    const std::vector<std::size_t> ends = ends_(read_text_file(path_, kMaxLogBytes), path_);
    if (bytes <= 0 ||
        !std::binary_search(ends.begin(), ends.end(), static_cast<std::size_t>(bytes))) {
      throw InputError(
          fmt::format("{}: no piece ends at byte {}, the position of the checkpoint; "
                      "it was changed since",
                      path_, bytes));
    }
  }

  void truncate(std::int64_t bytes) {
    size_ = static_cast<std::size_t>(bytes);
    cut(path_, size_);
  }

  std::int64_t size() const { return static_cast<std::int64_t>(size_); }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  /// Removes the incomplete piece of a killed process.
  void remove_cut_off() {
    const std::string text = read_text_file(path_, kMaxLogBytes);
    const std::vector<std::size_t> ends = ends_(text, path_);
    size_ = ends.empty() ? 0 : ends.back();
    if (size_ != text.size()) cut(path_, size_);
  }

  std::string path_;
  Ends ends_;
  std::unique_ptr<std::FILE, Close> file_;
  std::size_t size_ = 0;
};

MetricsLog::MetricsLog(const std::string& directory) {
  make_directory_of(path_in(directory, kCsvName));
  csv_ = std::make_unique<AppendedFile>(path_in(directory, kCsvName), csv_head(), csv_ends);
  events_ = std::make_unique<AppendedFile>(path_in(directory, kEventName),
                                           event_version_record(now()), event_record_ends);
}

MetricsLog::~MetricsLog() = default;

void MetricsLog::add(const MetricsRow& row) {
  std::vector<EventScalar> scalars;
  for (const auto& [name, value] : values_of(row)) {
    if (value) scalars.push_back({fmt::format("{}/{}", row.phase, name), *value});
  }
  csv_->append(csv_line(row));
  events_->append(event_record(now(), row.step, scalars));
}

MetricsLog::Position MetricsLog::position() const { return {csv_->size(), events_->size()}; }

void MetricsLog::truncate(const Position& position) {
  csv_->check_end(position.csv_bytes);  // checks both before changing either
  events_->check_end(position.event_bytes);
  csv_->truncate(position.csv_bytes);
  events_->truncate(position.event_bytes);
}

}  // namespace tilewake
