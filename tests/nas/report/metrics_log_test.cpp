// SPDX-License-Identifier: Apache-2.0
#include "nas/report/metrics_log.hpp"

#include <filesystem>
#include <fstream>
#include <limits>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/report/event_record.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/source_files.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* kMetricsHead =
    "# tilewake-metrics v2\n"
    "phase,step,epoch,learning_rate,loss,train_accuracy,validation_loss,validation_accuracy,"
    "latency_ms,gap_ms,gates\n";

MetricsRow row_of(std::int64_t step) {
  MetricsRow row;
  row.phase = "search";
  row.step = step;
  row.epoch = static_cast<double>(step) / 3.0;
  row.learning_rate = 0.1;
  row.loss = 1.0 / static_cast<double>(step + 1);
  row.latency_ms = 0.5;
  row.gap_ms = -0.25;
  return row;
}

class MetricsLogTest : public ::testing::Test {
 protected:
  std::string csv() const { return read_file(dir_.file("metrics.csv")); }
  std::string event_path() const { return dir_.file("events.out.tfevents.0000000000.tilewake"); }
  std::string events() const { return read_file(event_path()); }
  std::size_t num_events() const { return event_record_ends(events(), "events").size(); }
  std::string open_error() const {
    return input_error_of([&] { MetricsLog log(dir_.path().string()); });
  }
  void write(const std::string& path, const std::string& text) const {
    std::ofstream(path, std::ios::binary) << text;
  }

  TempDir dir_;
};

TEST_F(MetricsLogTest, MissingFiguresAreEmptyFields) {
  MetricsLog log(dir_.path().string());
  MetricsRow row;
  row.phase = "train";
  row.step = 20;
  row.epoch = 0.5;
  row.learning_rate = 1e-3;
  row.validation_accuracy = 0.875;
  log.add(row);
  EXPECT_EQ(csv(), std::string(kMetricsHead) + "train,20,0.5,0.001,,,,0.875,,,\n");
}

TEST_F(MetricsLogTest, GatesAreOneTextField) {
  MetricsLog log(dir_.path().string());
  MetricsRow row = row_of(1);
  row.gates = "3x3:2 5x5:4 | skip";
  log.add(row);
  EXPECT_THAT(csv(), EndsWith(",0.5,-0.25,3x3:2 5x5:4 | skip\n"));
  EXPECT_THAT(events(), Not(HasSubstr("gates")));
}

TEST_F(MetricsLogTest, NumbersReadBackExactly) {
  MetricsLog log(dir_.path().string());
  MetricsRow row;
  row.phase = "train";
  row.loss = 0.1 + 0.2;
  log.add(row);
  EXPECT_THAT(csv(), HasSubstr(",0.30000000000000004,"));
}

TEST_F(MetricsLogTest, EveryFigureHasItsTag) {
  MetricsLog log(dir_.path().string());
  EXPECT_EQ(num_events(), 1U);
  log.add(row_of(4));
  EXPECT_EQ(num_events(), 2U);
  for (const char* column : {"epoch", "learning_rate", "loss", "latency_ms", "gap_ms"}) {
    EXPECT_THAT(events(), HasSubstr("search/" + std::string(column)));
  }
  EXPECT_THAT(events(), Not(HasSubstr("accuracy")));
}

TEST_F(MetricsLogTest, RowsAreOnDiskAtOnce) {
  MetricsLog log(dir_.path().string());
  for (int step = 0; step < 5; ++step) {
    log.add(row_of(step));
    EXPECT_EQ(static_cast<std::int64_t>(csv().size()), log.position().csv_bytes);
    EXPECT_EQ(static_cast<std::int64_t>(events().size()), log.position().event_bytes);
  }
}

TEST_F(MetricsLogTest, AnotherProcessResumesWhereOneStopped) {
  for (int step = 0; step < 3; ++step) MetricsLog(dir_.path().string()).add(row_of(step));
  const std::string in_three = csv();
  const TempDir other;
  {
    MetricsLog log(other.path().string());
    for (int step = 0; step < 3; ++step) log.add(row_of(step));
  }
  EXPECT_EQ(in_three, read_file(other.file("metrics.csv")));
  EXPECT_EQ(num_events(), 4U);
}

TEST_F(MetricsLogTest, AResumedRunWritesTheSameFileAsAnUninterruptedOne) {
  MetricsLog whole(dir_.path().string());
  for (int step = 0; step < 6; ++step) whole.add(row_of(step));
  const TempDir other;
  MetricsLog::Position checkpoint;
  {
    MetricsLog log(other.path().string());
    for (int step = 0; step < 3; ++step) log.add(row_of(step));
    checkpoint = log.position();
    for (int step = 3; step < 5; ++step) log.add(row_of(step));
  }
  MetricsLog log(other.path().string());
  log.truncate(checkpoint);
  EXPECT_EQ(log.position().csv_bytes, checkpoint.csv_bytes);
  for (int step = 3; step < 6; ++step) log.add(row_of(step));
  EXPECT_EQ(csv(), read_file(other.file("metrics.csv")));
  const std::string records = read_file(other.file(std::filesystem::path(event_path()).filename()));
  EXPECT_EQ(event_record_ends(records, "events").size(), num_events());
}

TEST_F(MetricsLogTest, TheStartIsAValidPosition) {
  MetricsLog log(dir_.path().string());
  const MetricsLog::Position begin = log.position();
  log.add(row_of(1));
  log.truncate(begin);
  EXPECT_EQ(csv(), kMetricsHead);
  EXPECT_EQ(num_events(), 1U);
}

TEST_F(MetricsLogTest, AnIncompleteRowOfAKilledProcessIsRemoved) {
  { MetricsLog(dir_.path().string()).add(row_of(1)); }
  const std::string whole_csv = csv();
  const std::string whole_events = events();
  const std::size_t begin = event_record_ends(whole_events, "events").front();
  // Cut anywhere in the last line, in the last record and in both heads.
  for (const std::size_t cut : {whole_csv.size() - 1, std::string(kMetricsHead).size() + 3}) {
    write(dir_.file("metrics.csv"), whole_csv.substr(0, cut));
    write(event_path(), whole_events.substr(0, begin + cut % 7 + 1));
    const MetricsLog log(dir_.path().string());
    EXPECT_EQ(csv(), kMetricsHead);
    EXPECT_EQ(events(), whole_events.substr(0, begin));
  }
  for (const std::size_t cut : {0U, 5U, 30U}) {
    write(dir_.file("metrics.csv"), whole_csv.substr(0, cut));
    write(event_path(), whole_events.substr(0, cut / 2));
    const MetricsLog log(dir_.path().string());
    EXPECT_EQ(csv(), kMetricsHead);
    EXPECT_EQ(num_events(), 1U);
  }
}

TEST_F(MetricsLogTest, APositionThatIsNotThereIsRefusedAndNothingChanged) {
  MetricsLog log(dir_.path().string());
  log.add(row_of(1));
  const MetricsLog::Position end = log.position();
  const auto truncate_error = [&](const MetricsLog::Position& position) {
    return input_error_of([&] { log.truncate(position); });
  };
  EXPECT_THAT(
      truncate_error({end.csv_bytes + 1, end.event_bytes}),
      StartsWith(dir_.file("metrics.csv") + ": has " + std::to_string(end.csv_bytes) + " bytes"));
  EXPECT_THAT(truncate_error({static_cast<std::int64_t>(std::string(kMetricsHead).size()),
                              end.event_bytes + 1}),
              HasSubstr("tfevents.0000000000.tilewake: has "));
  for (const std::int64_t bytes :
       {std::int64_t{-1}, std::int64_t{0}, std::int64_t{22}, end.csv_bytes - 1}) {
    EXPECT_THAT(truncate_error({bytes, end.event_bytes}),
                AllOf(StartsWith(dir_.file("metrics.csv") + ": "),
                      HasSubstr("byte " + std::to_string(bytes) + ",")));
  }
  EXPECT_THAT(truncate_error({end.csv_bytes, end.event_bytes - 1}), HasSubstr("ends at byte"));
  EXPECT_EQ(log.position().csv_bytes, end.csv_bytes);
  EXPECT_EQ(static_cast<std::int64_t>(csv().size()), end.csv_bytes);
  EXPECT_EQ(static_cast<std::int64_t>(events().size()), end.event_bytes);
}

TEST_F(MetricsLogTest, FilesOfSomethingElseAreRefused) {
  write(dir_.file("metrics.csv"), "# tilewake-metrics v2\nphase,step\n");
  EXPECT_THAT(open_error(), StartsWith(dir_.file("metrics.csv") + ":1: "));
  EXPECT_EQ(csv(), "# tilewake-metrics v2\nphase,step\n");
  write(dir_.file("metrics.csv"), kMetricsHead);
  write(event_path(), "an event file has no such beginning");
  EXPECT_EQ(open_error(), event_path() + ": damaged: the record at byte 0 has a wrong checksum");
}

TEST_F(MetricsLogTest, AFileThatCannotBeOpenedIsNamed) {
  std::filesystem::create_directory(dir_.file("metrics.csv"));
  EXPECT_THAT(open_error(), StartsWith(dir_.file("metrics.csv") + ": "));
  std::filesystem::remove(dir_.file("metrics.csv"));
  ASSERT_EQ(::mkfifo(dir_.file("metrics.csv").c_str(), 0600), 0);  // must not wait for a reader
  EXPECT_THAT(open_error(), StartsWith(dir_.file("metrics.csv") + ": "));
}

}  // namespace
}  // namespace tilewake
