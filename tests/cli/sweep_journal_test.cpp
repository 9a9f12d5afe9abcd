// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/sweep_journal.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/stat.h>
#include <vector>

#include <gtest/gtest.h>

#include "simulator/api/sweep_figures.hpp"
#include "simulator/common/error.hpp"
#include "tests/support/random.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

constexpr const char* kBuild = "1.2.3+0123";

Summary point(std::int64_t number) {
  Summary s;
  s.info.machine = "box@" + std::to_string(number % 3);
  s.info.network_hash = 0xffff'ffff'ffff'0000U + static_cast<std::uint64_t>(number);
  s.info.schedule = "plain";
  s.info.warnings = {"a \"warning\"", "b"};
  s.total_cycles = 1'000 + number;
  s.latency_ms = 0.1 * static_cast<double>(number);
  s.pe_utilization = 1.0 / 3.0;
  return s;
}

class SweepJournalTest : public ::testing::Test {
 protected:
  /// A journal with points 0 to 4.
  SweepJournalTest() {
    SweepJournal journal(path_, kBuild, false);
    for (std::int64_t i = 0; i < 5; ++i) journal.add(point(i));
  }

  std::string text() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void set_text(const std::string& text) const { std::ofstream(path_, std::ios::binary) << text; }

  static const Summary* find(const SweepJournal& journal, std::int64_t number) {
    const Summary expected = point(number);
    const Summary* found = journal.find(expected.info.machine, expected.info.network_hash);
    if (found != nullptr) {
      EXPECT_EQ(figure_fields(*found), figure_fields(expected));
      EXPECT_EQ(found->info.network_hash, expected.info.network_hash);
    }
    return found;
  }

  TempDir directory_;
  std::string path_ = directory_.file("below/points.jsonl");
};

TEST_F(SweepJournalTest, WhatWasAddedIsFoundAgainToTheLastDigit) {
  const SweepJournal journal(path_, kBuild, true);
  EXPECT_EQ(journal.warning(), "");
  for (std::int64_t i = 0; i < 5; ++i) EXPECT_NE(find(journal, i), nullptr) << i;
  EXPECT_EQ(find(journal, 5), nullptr);
  EXPECT_EQ(journal.find("box@1", point(0).info.network_hash), nullptr);
}

TEST_F(SweepJournalTest, WithoutResumeWhatIsThereGoesWithTheFirstPoint) {
  const std::string before = text();
  SweepJournal journal(path_, kBuild, false);
  EXPECT_EQ(find(journal, 0), nullptr);
  EXPECT_EQ(text(), before);
  journal.add(point(7));
  const Summary only = point(7);
  EXPECT_EQ(text(), journal.text_of({&only}));
}

TEST_F(SweepJournalTest, AnotherBuildBelievesNothing) {
  const SweepJournal journal(path_, "1.2.3+4567", true);
  EXPECT_EQ(find(journal, 0), nullptr);
  EXPECT_NE(journal.warning().find("5 lines are damaged or of another build"), std::string::npos);
}

TEST_F(SweepJournalTest, CutOffAnywhereItKeepsTheLinesThatAreWhole) {
  const std::string whole = text();
  for (std::size_t length = 0; length <= whole.size(); length += 7) {
    set_text(whole.substr(0, length));
    std::int64_t num_found = 0;
    {
      SweepJournal journal(path_, kBuild, true);
      while (num_found < 5 && find(journal, num_found) != nullptr) ++num_found;
      const auto expected =
          std::count(whole.begin(), whole.begin() + static_cast<long>(length), '\n');
      EXPECT_EQ(num_found, expected);
      journal.add(point(9));
    }
    const SweepJournal again(path_, kBuild, true);
    EXPECT_EQ(again.warning(), "");
    EXPECT_NE(find(again, 9), nullptr);
    for (std::int64_t i = 0; i < num_found; ++i) EXPECT_NE(find(again, i), nullptr);
  }
}

TEST_F(SweepJournalTest, DamagedLineIsNeverBelievedAndTheOthersAre) {
  const std::string whole = text();
  Random random(7);
  for (int round = 0; round < 500; ++round) {
    std::string damaged = whole;
    const auto place =
        static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(whole.size()) - 1));
    damaged[place] = static_cast<char>(random.between(0, 255));
    if (damaged[place] == whole[place]) continue;
    set_text(damaged);
    const SweepJournal journal(path_, kBuild, true);
    std::int64_t num_found = 0;
    for (std::int64_t i = 0; i < 5; ++i) num_found += find(journal, i) != nullptr ? 1 : 0;
    EXPECT_GE(num_found, 3) << place;  // a line end may take the line behind it along
    EXPECT_LE(num_found, 5) << place;
  }
}

TEST_F(SweepJournalTest, ADeeplyNestedLineIsOneDamagedLine) {
  set_text(R"({"check":"x","a":)" + std::string(100'000, '[') + std::string(100'000, ']') + "}\n" +
           text());
  const SweepJournal journal(path_, kBuild, true);
  EXPECT_NE(journal.warning(), "");
  for (std::int64_t i = 0; i < 5; ++i) EXPECT_NE(find(journal, i), nullptr) << i;
}

TEST_F(SweepJournalTest, WhatIsNoRegularFileOrTooLargeIsRefusedAtOnce) {
  std::filesystem::resize_file(path_, std::uintmax_t{1} << 40);  // sparse
  EXPECT_THROW(SweepJournal(path_, kBuild, true), InputError);
  std::filesystem::remove(path_);
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THROW(SweepJournal(path_, kBuild, true), InputError);
}

}  // namespace
}  // namespace tilewake
