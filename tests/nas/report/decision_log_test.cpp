// SPDX-License-Identifier: Apache-2.0
#include "nas/report/decision_log.hpp"

#include <filesystem>

#include <gtest/gtest.h>

#include "tests/support/input_error.hpp"
#include "tests/support/source_files.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

TEST(DecisionLog, SectionsAreRuledAndApart) {
  const TempDir dir;
  DecisionLog log(dir.file("decisions.log"));
  log.section("Scaling");
  log.line("depth 2.00  0.98 ms");
  log.lines({"width 1.41  1.07 ms  over the limit", "kept: depth"});
  log.section("SE");
  log.line("none");
  EXPECT_EQ(log.text(),
            "Scaling\n-------\ndepth 2.00  0.98 ms\nwidth 1.41  1.07 ms  over the limit\n"
            "kept: depth\n\nSE\n--\nnone\n");
}

TEST(DecisionLog, TheFileHoldsTheTextAfterEveryAddition) {
  const TempDir dir;
  DecisionLog log(dir.file("deep/er/decisions.log"));
  for (const char* text : {"one", "two", "three"}) {
    log.line(text);
    EXPECT_EQ(read_file(dir.file("deep/er/decisions.log")), log.text());
  }
}

TEST(DecisionLog, AResumedRunBeginsAnew) {
  const TempDir dir;
  const std::string path = dir.file("decisions.log");
  DecisionLog(path).line("of the run before");
  DecisionLog log(path);
  EXPECT_EQ(log.text(), "");
  EXPECT_EQ(read_file(path), "of the run before\n");
  log.line("first");
  EXPECT_EQ(read_file(path), "first\n");
}

TEST(DecisionLog, AFileThatCannotBeWrittenIsNamed) {
  const TempDir dir;
  DecisionLog log(dir.path().string());
  EXPECT_EQ(input_error_of([&] { log.line("x"); }),
            dir.path().string() + ": exists and is not a regular file");
}

}  // namespace
}  // namespace tilewake
