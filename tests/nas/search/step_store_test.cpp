// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/search/step_record.hpp"
#include "nas/space/random_architecture.hpp"
#include "simulator/common/yaml_document.hpp"
#include "tests/nas/supernet/small_space.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/random.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

using ::testing::StartsWith;

StepRecord full_record() {
  StepRecord record;
  record.step = "scale";
  record.fingerprint = "0123456789abcdef";
  record.architecture = random_architecture(small_spaces().front(), 1);
  record.architecture->name = "scaled";
  record.estimated_ms = 0.1;
  record.simulated_ms = 1.0 / 3.0;
  record.validation_accuracy = 0.9012;
  record.test_accuracy = 1e-300;
  record.values = {1.0, 1.189207115002721, -0.0};
  record.log = {"one \"line\"", "", "another: 5 \xc2\xb5s\\"};
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
  EXPECT_EQ(a.values, b.values);
  EXPECT_EQ(a.log, b.log);
}

class StepStoreTest : public ::testing::Test {
 protected:
  StepStoreTest() : store_(directory_.file("steps")) {}

  void write(const std::string& text) const {
    std::ofstream(store_.path_of("scale"), std::ios::binary) << text;
  }
  std::string find_error() const {
    return input_error_of([&] { store_.find("scale", full_record().fingerprint); });
  }

  TempDir directory_;
  StepStore store_;
};

TEST_F(StepStoreTest, WhatIsSavedIsFoundAgainEqual) {
  EXPECT_FALSE(store_.find("scale", "0123456789abcdef"));
  store_.save("scale", full_record());
  const auto found = store_.find("scale", "0123456789abcdef");
  ASSERT_TRUE(found);
  expect_equal(*found, full_record());
  EXPECT_FALSE(store_.find("search", "0123456789abcdef"));
}

TEST_F(StepStoreTest, WhatARecordDoesNotHoldIsFoundMissing) {
  StepRecord record;
  record.step = "scale";
  record.fingerprint = "f";
  store_.save("scale", record);
  const auto found = store_.find("scale", "f");
  ASSERT_TRUE(found);
  expect_equal(*found, record);
}

TEST_F(StepStoreTest, TheLastOneSavedIsFound) {
  store_.save("scale", full_record());
  StepRecord record = full_record();
  record.log.push_back("again");
  store_.save("scale", record);
  expect_equal(*store_.find("scale", record.fingerprint), record);
}

TEST_F(StepStoreTest, OfAnotherRunIsRefusedByName) {
  store_.save("scale", full_record());
  EXPECT_EQ(input_error_of([&] { store_.find("scale", "0123456789abcdee"); }),
            store_.path_of("scale") +
                ": is of a run with other settings; give another --out, or begin again with "
                "--force or an empty directory");
}

TEST_F(StepStoreTest, WhatIsCutOffIsRefusedByName) {
  store_.save("scale", full_record());
  const std::string text = read_text_file(store_.path_of("scale"));
  for (std::size_t length = 0; length + 1 < text.size(); length += 3) {  // the last is a newline
    write(text.substr(0, length));
    ASSERT_THAT(find_error(), StartsWith(store_.path_of("scale") + ":")) << length;
  }
}

TEST_F(StepStoreTest, AChangedByteIsRefusedByNameOrChangesNothing) {
  store_.save("scale", full_record());
  const std::string text = read_text_file(store_.path_of("scale"));
  Random random(5);
  int num_refused = 0;
  for (int n = 0; n < 500; ++n) {
    const std::size_t at = random.below(text.size());
    std::string damaged = text;
    damaged[at] = static_cast<char>(damaged[at] ^ static_cast<char>(1 + random.below(255)));
    write(damaged);
    if (const std::string error = find_error(); error != "no error") {
      ASSERT_THAT(error, StartsWith(store_.path_of("scale") + ":")) << damaged;
      ++num_refused;
    } else {
      expect_equal(*store_.find("scale", full_record().fingerprint), full_record());
    }
  }
  EXPECT_GT(num_refused, 400) << "a space may become a tab, and 1.0 1e0";
}

TEST_F(StepStoreTest, ForeignFilesAreRefusedByName) {
  std::filesystem::create_directories(directory_.file("steps"));
  const std::string deep =
      R"({"hash": "x", "a": )" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  for (const std::string& text :
       {std::string(), std::string("null"), std::string("[]"), std::string("{}"), std::string("3"),
        std::string("name: a YAML file\n"), std::string("\xff\xfe\0\x01", 4), deep,
        std::string(R"({"step": 3, "fingerprint": [], "values": {}, "log": null})"),
        std::string(R"({"step": "scale", "fingerprint": "0123456789abcdef"})")}) {
    write(text);
    EXPECT_THAT(find_error(), StartsWith(store_.path_of("scale") + ":")) << text.substr(0, 80);
  }
  std::filesystem::remove(store_.path_of("scale"));
  std::filesystem::create_directories(store_.path_of("scale"));
  EXPECT_THAT(find_error(), StartsWith(store_.path_of("scale") + ":"));
}

}  // namespace
}  // namespace tilewake
