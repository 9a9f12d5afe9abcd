// SPDX-License-Identifier: Apache-2.0
#include "nas/search/step_record.hpp"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/space/random_architecture.hpp"
#include "simulator/common/yaml_document.hpp"
#include "tests/nas/supernet/small_space.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/random.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kFingerprint = "ranking.epochs=2\nseed=1\n";

StepRecord full_record() {
  StepRecord record;
  record.step = "scale";
  record.fingerprint = kFingerprint;
  record.architecture = random_architecture(small_spaces().front(), 1);
  record.architecture->name = "scaled";
  record.estimated_ms = 0.1;
  record.simulated_ms = 1.0 / 3.0;
  record.validation_accuracy = 0.9012;
  record.test_accuracy = 1e-300;
  record.validation_error = 0.003;
  record.test_error = 0.1;
  record.int8 = Int8Accuracy{0.9, 1.0 / 7.0, 0.8, 0.005};
  record.values = {1.0, 1.189207115002721, -0.0};
  record.log = {"one \"line\"", "", "another: 5 \xc2\xb5s\\"};
  record.add_candidate("#1: accuracy 90 %", Verdict::kChosen, 0.25, 0.9);
  record.add_candidate("#2: beyond the limits", Verdict::kRejected, {});
  return record;
}

void expect_equal(const StepRecord& a, const StepRecord& b) {
  EXPECT_EQ(a.step, b.step);
  EXPECT_EQ(a.fingerprint, b.fingerprint);
  EXPECT_EQ(a.architecture, b.architecture);
  EXPECT_EQ(a.estimated_ms, b.estimated_ms);
  EXPECT_EQ(a.simulated_ms, b.simulated_ms);
  EXPECT_EQ(a.validation_accuracy, b.validation_accuracy);
  EXPECT_EQ(a.test_accuracy, b.test_accuracy);
  EXPECT_EQ(a.validation_error, b.validation_error);
  EXPECT_EQ(a.test_error, b.test_error);
  EXPECT_EQ(a.int8, b.int8);
  EXPECT_EQ(a.values, b.values);
  EXPECT_EQ(a.log, b.log);
  EXPECT_EQ(a.candidates, b.candidates);
}

class StepRecordTest : public ::testing::Test {
 protected:
  StepRecordTest() : path_(step_path(directory_.file("run"), "scale")) {}

  void write(const std::string& text) const { std::ofstream(path_, std::ios::binary) << text; }
  std::string find_error() const {
    return input_error_of([&] { read_step_record(path_, kFingerprint); });
  }

  TempDir directory_;
  std::string path_;
};

TEST_F(StepRecordTest, IsReadAsItWasWritten) {
  EXPECT_FALSE(read_step_record(path_, kFingerprint));
  write_step_record(path_, full_record());
  const auto found = read_step_record(path_, kFingerprint);
  ASSERT_TRUE(found);
  expect_equal(*found, full_record());
}

TEST_F(StepRecordTest, WhatARecordDoesNotHoldIsFoundMissing) {
  StepRecord record;
  record.step = "scale";
  record.fingerprint = "seed=1\n";
  write_step_record(path_, record);
  const auto found = read_step_record(path_, "seed=1\n");
  ASSERT_TRUE(found);
  expect_equal(*found, record);
}

TEST_F(StepRecordTest, TheLastOneSavedIsFound) {
  write_step_record(path_, full_record());
  StepRecord record = full_record();
  record.log.push_back("again");
  write_step_record(path_, record);
  expect_equal(*read_step_record(path_, kFingerprint), record);
}

TEST_F(StepRecordTest, OfAnotherRunIsRefusedByName) {
  write_step_record(path_, full_record());
  const std::string error =
      input_error_of([&] { read_step_record(path_, "ranking.epochs=3\nseed=1\n"); });
  EXPECT_THAT(error, StartsWith(path_ + ": "));
  EXPECT_THAT(error, HasSubstr("ranking.epochs was 2, is now 3"));
}

TEST_F(StepRecordTest, WhatIsCutOffIsRefusedByName) {
  write_step_record(path_, full_record());
  const std::string text = read_text_file(path_);
  for (std::size_t length = 0; length + 1 < text.size(); length += 3) {  // the last is a newline
    write(text.substr(0, length));
    ASSERT_THAT(find_error(), StartsWith(path_ + ":")) << length;
  }
}

TEST_F(StepRecordTest, AChangedByteIsRefusedByNameOrChangesNothing) {
  write_step_record(path_, full_record());
  const std::string text = read_text_file(path_);
  Random random(5);
  int num_refused = 0;
  for (int n = 0; n < 500; ++n) {
    const std::size_t at = random.below(text.size());
    std::string damaged = text;
    damaged[at] = static_cast<char>(damaged[at] ^ static_cast<char>(1 + random.below(255)));
    write(damaged);
    if (const std::string error = find_error(); error != "no error") {
      ASSERT_THAT(error, StartsWith(path_ + ":")) << damaged;
      ++num_refused;
    } else {
      expect_equal(*read_step_record(path_, kFingerprint), full_record());
    }
  }
  EXPECT_GT(num_refused, 400) << "a space may become a tab, and 1.0 1e0";
}

TEST_F(StepRecordTest, ForeignFilesAreRefusedByName) {
  std::filesystem::create_directories(directory_.file("run/steps"));
  const std::string deep =
      R"({"hash": "x", "a": )" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  for (const std::string& text :
       {std::string(), std::string("null"), std::string("[]"), std::string("{}"), std::string("3"),
        std::string("name: a YAML file\n"), std::string("\xff\xfe\0\x01", 4), deep,
        std::string(R"({"step": 3, "settings": 3, "values": {}, "log": null})"),
        std::string(R"({"step": "scale", "settings": ["seed=1"]})")}) {
    write(text);
    EXPECT_THAT(find_error(), StartsWith(path_ + ":")) << text.substr(0, 80);
  }
  std::filesystem::remove(path_);
  std::filesystem::create_directories(path_);
  EXPECT_THAT(find_error(), StartsWith(path_ + ":"));
}

}  // namespace
}  // namespace tilewake
