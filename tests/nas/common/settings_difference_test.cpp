// SPDX-License-Identifier: Apache-2.0
#include "nas/common/settings_difference.hpp"

#include <gtest/gtest.h>

namespace tilewake {
namespace {

TEST(SettingsDifference, NamesTheFirstSettingWithBothValues) {
  EXPECT_EQ(settings_difference("a=1\nb=2\nc=3\n", "a=1\nb=5\nc=6\n"), "b was 2, is now 5");
}

TEST(SettingsDifference, NamesASettingThatOnlyOneOfThemHas) {
  EXPECT_EQ(settings_difference("a=1\n", "a=1\nb=2\n"), "b is new");
  EXPECT_EQ(settings_difference("a=1\nb=2\n", "a=1\n"), "b is no longer read");
}

TEST(SettingsDifference, OfEqualSettingsIsEmpty) {
  EXPECT_EQ(settings_difference("a=1\n", "a=1\n"), "");
  EXPECT_EQ(settings_difference("", ""), "");
}

TEST(SettingsDifference, IsOnePrintableLineWhateverAFileHolds) {
  const std::string text = settings_difference("a=\x1b[2J\xff\n", "a=1\n");
  for (const char c : text) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << text;
}

}  // namespace
}  // namespace tilewake
