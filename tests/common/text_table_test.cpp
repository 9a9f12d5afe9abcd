// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/text_table.hpp"

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Alignment = TextTable::Alignment;

TextTable table_of(const std::string& name) {
  TextTable table({{"layer", Alignment::kLeft},
                   {"op", Alignment::kLeft, 1},
                   {"MACs", Alignment::kRight, 2},
                   {"cycles"}});
  table.add_row({name, "depthwise_conv2d", "12.3 M", "123,456,789"});
  table.add_row({"total"}, TextTable::Emphasis::kBold);
  return table;
}

std::size_t widest_line(const std::string& text) {
  std::istringstream lines(text);
  std::size_t widest = 0;
  for (std::string line; std::getline(lines, line);) widest = std::max(widest, line.size());
  return widest;
}

TEST(TextTableTest, IsAsWideAsItsCellsWithoutALimit) {
  EXPECT_EQ(table_of("a").to_string(false),
            "layer  op                  MACs       cycles\n"
            "a      depthwise_conv2d  12.3 M  123,456,789\n"
            "total\n");
}

TEST(TextTableTest, IsUnchangedIfItFits) {
  EXPECT_EQ(table_of("a").to_string(false, 44), table_of("a").to_string(false));
}

TEST(TextTableTest, NamesAreShortenedInTheMiddleBeforeColumnsAreLeftOut) {
  const std::string text = table_of("stage1.block2.depthwise").to_string(false, 50);
  EXPECT_EQ(widest_line(text), 50U);
  EXPECT_THAT(text, HasSubstr("stage...hwise"));
  EXPECT_THAT(text, HasSubstr("123,456,789"));
  EXPECT_THAT(text, Not(HasSubstr("left out")));
}

TEST(TextTableTest, ColumnsThatAreLeftOutAreNamed) {
  const std::string text = table_of("stage1.block2.depthwise").to_string(false, 40);
  EXPECT_LE(widest_line(text), 40U);
  EXPECT_THAT(text, HasSubstr("left out at this width: MACs\n"));
  EXPECT_THAT(text, HasSubstr("depth...onv2d"));
  EXPECT_THAT(table_of("stage1.block2.depthwise").to_string(false, 26),
              HasSubstr("left out at this width:\n    op, MACs\n"));
}

TEST(TextTableTest, FiguresAreNeverShortened) {
  EXPECT_THAT(table_of("stage1.block2.depthwise").to_string(false, 1), HasSubstr("123,456,789"));
}

TEST(TextTableTest, WidthIsUsedWhereThereIsSome) {
  const std::string name(60, 'n');
  EXPECT_THAT(table_of(name).to_string(false, 200), HasSubstr(name));
}

TEST(TextTableTest, EscapesAreOfWholeLines) {
  EXPECT_THAT(table_of("a").to_string(true, 44), HasSubstr("\033[1mtotal\033[0m\n"));
}

TEST(WrappedLinesTest, AreBrokenAtBlanksWithAnIndent) {
  EXPECT_EQ(wrapped_lines("short\n  a long line of words\n", 16),
            "short\n  a long line of\n      words\n");
  EXPECT_EQ(wrapped_lines("unbroken-word-of-30-characters x", 16),
            "unbroken-word-of-30-characters\n    x");
  EXPECT_EQ(wrapped_lines("any length", 0), "any length");
  EXPECT_EQ(wrapped_lines("share of 12.5 %, all", 14), "share of\n    12.5 %,\n    all");
  EXPECT_EQ(wrapped_lines("", 10), "");
  EXPECT_EQ(wrapped_lines("\n\n", 10), "\n\n");
}

TEST(WrappedLinesTest, EscapesTakeNoColumns) {
  EXPECT_EQ(wrapped_lines("\033[1m0123456789\033[0m\n", 10), "\033[1m0123456789\033[0m\n");
}

TEST(WrappedTest, LinesAreFilledAndLongWordsAreKept) {
  EXPECT_EQ(wrapped("a bb ccc d", "# ", 6), "# a bb\n# ccc\n# d\n");
  EXPECT_EQ(wrapped("abcdefghijk b", "# ", 6), "# abcdefghijk\n# b\n");
  EXPECT_EQ(wrapped("", "# ", 6), "");
}

TEST(ShortenedTest, KeepsBothEnds) {
  EXPECT_EQ(shortened("abcdefghij", 10), "abcdefghij");
  EXPECT_EQ(shortened("abcdefghijk", 10), "abc...hijk");
}

}  // namespace
}  // namespace tilewake
