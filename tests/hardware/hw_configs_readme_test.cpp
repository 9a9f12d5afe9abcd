// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/hardware/midap_yaml.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;

struct Row {
  std::string key, range, value;
};

std::string stripped(const std::string& cell) {
  const std::size_t begin = cell.find_first_not_of(" `");
  if (begin == std::string::npos) return "";
  return cell.substr(begin, cell.find_last_not_of(" `") - begin + 1);
}

/// The rows `| key | unit | range | midap | ...` of hw_configs/README.md.
std::vector<Row> documented_keys() {
  std::vector<Row> rows;
  std::istringstream text(read_file(source_path("hw_configs/README.md")));
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with("| `")) continue;
    std::istringstream row(line.substr(1));
    std::vector<std::string> cells;
    for (std::string cell; std::getline(row, cell, '|');) cells.push_back(stripped(cell));
    rows.push_back({cells.at(0), cells.at(2), cells.at(3)});
  }
  return rows;
}

TEST(HwConfigsReadmeTest, TablesListExactlyTheKeysOfMidap) {
  std::set<std::string> documented, shipped;
  for (const Row& row : documented_keys()) documented.insert(row.key);
  for (const auto& [key, line] : MidapYaml().keys()) shipped.insert(key);
  EXPECT_EQ(documented, shipped);
}

TEST(HwConfigsReadmeTest, TablesShowTheValuesOfMidap) {
  const MidapYaml midap;
  for (const Row& row : documented_keys()) EXPECT_EQ(midap.value(row.key), row.value) << row.key;
}

TEST(HwConfigsReadmeTest, RangesAreEnforcedAtBothEnds) {
  int num_ranges = 0;
  for (const Row& row : documented_keys()) {
    const std::size_t dots = row.range.find("..");
    if (dots == std::string::npos) continue;
    ++num_ranges;
    const std::int64_t min = std::stoll(row.range.substr(0, dots));
    const std::int64_t max = std::stoll(row.range.substr(dots + 2));
    const std::string refusal = fmt::format("{}: must be from {} to {}, not ", row.key, min, max);
    for (const std::int64_t value : {min - 1, max + 1}) {
      EXPECT_THAT(MidapYaml().with(row.key, std::to_string(value)).error(), HasSubstr(refusal));
    }
    for (const std::int64_t value : {min, max}) {  // a cross check may still refuse it
      EXPECT_THAT(MidapYaml().with(row.key, std::to_string(value)).error(),
                  Not(HasSubstr("must be from")))
          << row.key;
    }
  }
  EXPECT_GT(num_ranges, 15);
}

}  // namespace
}  // namespace tilewake
