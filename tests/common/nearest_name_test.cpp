// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/nearest_name.hpp"

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace tilewake {
namespace {

const std::vector<std::string_view> kNames = {"rows", "columns", "clock_mhz", "name"};

TEST(NearestNameTest, OneEditOfAnyKindIsFound) {
  for (const std::string_view word : {"colums", "collumns", "colunns", "coulmns"}) {
    EXPECT_EQ(nearest_name(word, kNames), "columns") << word;
  }
}

TEST(NearestNameTest, TwoEditsAreFoundInLongWordsOnly) {
  EXPECT_EQ(nearest_name("clok_mz", kNames), "clock_mhz");
  EXPECT_EQ(nearest_name("clock_mhzzz", kNames), "clock_mhz");
  EXPECT_EQ(nearest_name("clock_mhzzzz", kNames), "");  // three edits
  EXPECT_EQ(nearest_name("nome", kNames), "name");
  EXPECT_EQ(nearest_name("nomes", kNames), "");  // two edits of five characters
  EXPECT_EQ(nearest_name("row", kNames), "rows");
  EXPECT_EQ(nearest_name("ro", kNames), "");
}

TEST(NearestNameTest, CaseIsIgnored) {
  EXPECT_EQ(nearest_name("ROWS", kNames), "rows");
  EXPECT_EQ(nearest_name("lpddr4-3200", {"DDR4-3200", "LPDDR4-3200"}), "LPDDR4-3200");
}

TEST(NearestNameTest, NearestIsPreferredThenTheFirst) {
  EXPECT_EQ(nearest_name("resnet5", {"resnet18", "resnet50"}), "resnet50");
  EXPECT_EQ(nearest_name("resnet", {"resnet1", "resnet2"}), "resnet1");
}

TEST(NearestNameTest, NothingIsSuggestedForTheNameItselfOrUnboundedWords) {
  EXPECT_EQ(nearest_name("rows", kNames), "");
  EXPECT_EQ(nearest_name("", kNames), "");
  EXPECT_EQ(nearest_name("rows", {}), "");
  EXPECT_EQ(nearest_name("rows", {""}), "");
  const std::string longest(64, 'a');
  EXPECT_EQ(nearest_name(longest, {longest + "b"}), longest + "b");
  EXPECT_EQ(nearest_name(longest + "a", {longest}), "");
  EXPECT_EQ(nearest_name("abcdef", {std::string(1'000'000, 'a')}), "");
}

TEST(NearestNameTest, SuggestionIsTheEndOfAnErrorMessage) {
  EXPECT_EQ(suggestion("row", kNames), "; did you mean 'rows'?");
  EXPECT_EQ(suggestion("abacus", kNames), "");
  EXPECT_EQ(suggestion("row", std::set<std::string>{"rows\n"}), "");
  EXPECT_EQ(suggestion("raws\a", std::set<std::string>{"rows\a"}), "; did you mean 'rows?'?");
}

}  // namespace
}  // namespace tilewake
