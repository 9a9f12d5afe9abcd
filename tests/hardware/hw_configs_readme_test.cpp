// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/hardware/hardware_yaml.hpp"
#include "tests/hardware/midap_yaml.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;

struct Row {
  std::string machine, key, range, value;
};

std::string stripped(const std::string& cell) {
  const std::size_t begin = cell.find_first_not_of(" `");
  if (begin == std::string::npos) return "";
  return cell.substr(begin, cell.find_last_not_of(" `") - begin + 1);
}

/// The rows `| key | unit | range | value | ...` of hw_configs/README.md, whose tables are headed
/// by
/// `| key | unit | range | machine | ...`.
std::vector<Row> documented_keys() {
  std::vector<Row> rows;
  std::istringstream text(read_file(source_path("hw_configs/README.md")));
  std::string machine;  // of the table at hand; empty in tables of something else
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with("|")) machine.clear();
    const bool is_header = line.starts_with("| key | unit | range | ");
    if (!is_header && (machine.empty() || !line.starts_with("| `"))) continue;
    std::istringstream row(line.substr(1));
    std::vector<std::string> cells;
    for (std::string cell; std::getline(row, cell, '|');) cells.push_back(stripped(cell));
    if (is_header)
      machine = cells.at(3);
    else
      rows.push_back({machine, cells.at(0), cells.at(2), cells.at(3)});
  }
  return rows;
}

/// A shipped machine with every key that a preset stands for.
MidapYaml resolved(const std::string& machine) {
  return MidapYaml(hardware_yaml(shipped_machine(machine)));
}

TEST(HwConfigsReadmeTest, TablesListExactlyTheKeysOfMidap) {
  std::set<std::string> documented, shipped;
  for (const Row& row : documented_keys())
    if (row.machine == "midap") documented.insert(row.key);
  for (const auto& [key, line] : MidapYaml().keys()) shipped.insert(key);
  EXPECT_EQ(documented, shipped);
}

TEST(HwConfigsReadmeTest, TableOfBankedListsExactlyItsKeys) {
  std::set<std::string> documented, shipped;
  for (const Row& row : documented_keys())
    if (row.machine == "midap_lpddr4") documented.insert(row.key);
  for (const auto& [key, line] : resolved("midap_lpddr4").keys())
    if (key.starts_with("dram.") && key != "dram.model") shipped.insert(key);
  EXPECT_EQ(documented, shipped);
}

TEST(HwConfigsReadmeTest, TablesOfCoreKindsListExactlyTheirKeys) {
  for (const std::string machine : {"tpu_like_128", "dsp_like"}) {
    std::set<std::string> documented, shipped;
    for (const Row& row : documented_keys())
      if (row.machine == machine) documented.insert(row.key);
    for (const auto& [key, line] : resolved(machine).keys())
      if (key.starts_with("core.") && key != "core.kind") shipped.insert(key);
    EXPECT_EQ(documented, shipped) << machine;
  }
}

TEST(HwConfigsReadmeTest, TablesShowTheValuesOfTheirMachine) {
  for (const Row& row : documented_keys()) {
    EXPECT_EQ(
        row.machine == "midap" ? MidapYaml().value(row.key) : resolved(row.machine).value(row.key),
        row.value)
        << row.key;
  }
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
    const MidapYaml machine = resolved(row.machine);
    for (const std::int64_t value : {min - 1, max + 1}) {
      EXPECT_THAT(machine.with(row.key, std::to_string(value)).error(), HasSubstr(refusal));
    }
    for (const std::int64_t value : {min, max}) {  // a cross check may still refuse it
      EXPECT_THAT(machine.with(row.key, std::to_string(value)).error(),
                  Not(HasSubstr("must be from")))
          << row.key;
    }
  }
  EXPECT_GT(num_ranges, 45);
}

}  // namespace
}  // namespace tilewake
