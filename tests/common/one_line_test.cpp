// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/one_line.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace tilewake {
namespace {

TEST(OneLineTest, TextOfAnyScriptIsKept) {
  for (const std::string_view text :
       {"", "plain text: 1.5 %", "größer", "\xe6\xbc\xa2", "\xf0\x9f\x98\x80", "\xc2\xa0"}) {
    EXPECT_EQ(one_line(text), text);
  }
}

TEST(OneLineTest, ControlCharactersAreReplaced) {
  EXPECT_EQ(one_line("a\nb\rc\td\x1b[31me\x7f"), "a?b?c?d?[31me?");
  EXPECT_EQ(one_line(std::string_view("a\0b", 3)), "a?b");
  EXPECT_EQ(one_line("\xc2\x85|\xc2\x9b"), "?|?");                         // C1: NEL, CSI
  EXPECT_EQ(one_line("\xe2\x80\xa8|\xe2\x80\xae|\xe2\x81\xa6"), "?|?|?");  // LS, RLO, LRI
}

TEST(OneLineTest, BytesThatAreNotUtf8AreReplaced) {
  EXPECT_EQ(one_line("\xff\xfe"), "??");
  EXPECT_EQ(one_line("\x9b[2J"), "?[2J");
  EXPECT_EQ(one_line("\xc3"), "?");                 // cut off
  EXPECT_EQ(one_line("\xc3("), "?(");               // not continued
  EXPECT_EQ(one_line("\xc0\x8a"), "??");            // a line feed, longer than needed
  EXPECT_EQ(one_line("\xe0\x82\x85"), "???");       // longer than needed
  EXPECT_EQ(one_line("\xed\xa0\x80"), "???");       // a surrogate
  EXPECT_EQ(one_line("\xf4\x90\x80\x80"), "????");  // beyond Unicode
}

}  // namespace
}  // namespace tilewake
