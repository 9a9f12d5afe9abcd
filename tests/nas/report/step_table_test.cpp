// SPDX-License-Identifier: Apache-2.0
#include "nas/report/step_table.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tilewake {
namespace {

std::vector<StepRow> two_rows() {
  StepRow found{"search", "3-4-7 blocks, 28 px", 0.12345678, {}, {}, 1'234'567, 56'000'000, {}};
  StepRow scaled{"scaling",  "3x3:2 5x5:4, \"wide\"", 12.3, 12.25, 0.91237,
                 12'800'000, 1'290'000'000,           0.5};
  return {found, scaled};
}

TEST(StepTable, NumbersAreRightAlignedAndMissingOnesAreADash) {
  EXPECT_EQ(step_table_text(two_rows()),
            "step     network              estimated ms  simulated ms  validation %  params M  "
            "GMACs  simulated mJ\n"
            "search   3-4-7 blocks, 28 px        0.1235             -             -     1.235  "
            "0.056             -\n"
            "scaling  3x3:2 5x5:4, \"wide\"         12.30         12.25         91.24    12.800  "
            "1.290        0.5000\n");
}

TEST(StepTable, SuccessiveStepsWithOneNetworkNameItOnceBelowANarrowTable) {
  std::vector<StepRow> rows = two_rows();
  rows.push_back(rows.back());
  rows.back().step = "train";
  const std::string text = step_table_text(rows, 60);
  EXPECT_EQ(text.substr(text.find("networks:")),
            "networks:\n  search: 3-4-7 blocks, 28 px\n  scaling, train: 3x3:2 5x5:4, \"wide\"\n");
}

TEST(StepTable, WidthsCountCharactersNotBytes) {
  std::vector<StepRow> rows = two_rows();
  rows[0].architecture = "\xc3\xa9\xc3\xa9";  // two characters, four bytes
  rows[1].architecture = "ab";
  const std::string text = step_table_text(rows);
  const std::size_t second = text.find('\n') + 1;
  const std::size_t third = text.find('\n', second) + 1;
  EXPECT_EQ(third - second - 2, text.size() - third);
}

TEST(StepTable, CsvKeepsAllDigitsAndQuotesWhatHoldsCommas) {
  EXPECT_EQ(
      step_table_csv(two_rows()),
      "# tilewake-steps v1\n"
      "step,architecture,estimated_ms,simulated_ms,validation_accuracy,params,macs,simulated_mj\n"
      "search,\"3-4-7 blocks, 28 px\",0.12345678,,,1234567,56000000,\n"
      "scaling,\"3x3:2 5x5:4, \"\"wide\"\"\",12.3,12.25,0.91237,12800000,1290000000,0.5\n");
}

TEST(StepTable, JsonHasNullForMissingFigures) {
  const auto json = nlohmann::json::parse(step_table_json(two_rows()));
  ASSERT_EQ(json.size(), 2U);
  EXPECT_EQ(json[0]["step"], "search");
  EXPECT_TRUE(json[0]["simulated_ms"].is_null());
  EXPECT_EQ(json[1]["architecture"], "3x3:2 5x5:4, \"wide\"");
  EXPECT_EQ(json[1]["simulated_ms"], 12.25);
  EXPECT_EQ(json[1]["validation_accuracy"], 0.91237);
  EXPECT_EQ(json[1]["params"], 12'800'000);
  EXPECT_EQ(json[1]["macs"], 1'290'000'000);
  EXPECT_TRUE(json[0]["simulated_mj"].is_null());
  EXPECT_EQ(json[1]["simulated_mj"], 0.5);
}

TEST(StepTable, NoStepsAreATableWithoutRows) {
  EXPECT_EQ(
      step_table_text({}),
      "step  network  estimated ms  simulated ms  validation %  params M  GMACs  simulated mJ\n");
  EXPECT_EQ(step_table_json({}), "[]\n");
}

}  // namespace
}  // namespace tilewake
