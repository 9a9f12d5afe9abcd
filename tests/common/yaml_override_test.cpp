// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/yaml_override.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/common/yaml_document.hpp"
#include "simulator/common/yaml_reader.hpp"
#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

constexpr const char* kCrateText =
    "name: box\n"
    "core:\n"
    "  width: 4\n"
    "  banks:\n"
    "    bytes: 64  # each\n"
    "  sizes: [1, 2]\n";

YamlReader overridden(const std::vector<YamlOverride>& overrides) {
  return YamlReader::from_text(kCrateText, "f.yaml", overrides);
}

std::string override_error(const YamlOverride& change) {
  return input_error_of([&] {
    YamlReader root = overridden({change});
    root.required<std::string>("name");
    YamlReader core = root.section("core");
    core.integer("width", 1, 8);
    core.integers("sizes", 1, 8);
    YamlReader banks = core.section("banks");
    banks.integer("bytes", 1, 128);
    banks.finish();
    core.finish();
    root.finish();
  });
}

TEST(YamlOverrideTest, OverridesReplaceValuesAtAnyDepth) {
  EXPECT_EQ(overridden({{"name", "crate"}}).required<std::string>("name"), "crate");
  EXPECT_EQ(overridden({{"core.width", "8"}}).section("core").required<int>("width"), 8);
  const auto overrides = std::vector<YamlOverride>{{"core.banks.bytes", "7"}, {"core.width", "2"}};
  YamlReader core = overridden(overrides).section("core");
  EXPECT_EQ(core.required<int>("width"), 2);
  EXPECT_EQ(core.section("banks").required<int>("bytes"), 7);
  EXPECT_EQ(overridden({}).section("core").required<int>("width"), 4);
}

TEST(YamlOverrideTest, LastOfTwoWins) {
  EXPECT_EQ(overridden({{"name", "a"}, {"name", "b"}}).required<std::string>("name"), "b");
}

TEST(YamlOverrideTest, AnOverrideEqualsAFileWithTheValue) {
  EXPECT_EQ(override_error({"core.width", "3"}), "no error");
  EXPECT_EQ(override_error({"core.width", "9"}),
            "f.yaml:3: core.width: must be from 1 to 8, not 9");
  EXPECT_EQ(override_error({"core.width", "0x4"}),
            "f.yaml:3: core.width: cannot read '0x4' as a decimal integer");
  EXPECT_EQ(override_error({"core.banks.bytes", "\"8\""}),
            "f.yaml:5: core.banks.bytes: cannot read '\"8\"' as a decimal integer");
  EXPECT_EQ(override_error({"core.sizes", "8"}), "no error");  // a scalar replaces a sequence
}

TEST(YamlOverrideTest, UnreadKeyIsAnErrorAtItsSection) {
  EXPECT_EQ(
      override_error({"core.with", "3"}),
      "f.yaml:3: core.with: unknown key; known here: banks, sizes, width; did you mean 'width'?");
  EXPECT_EQ(override_error({"cores.width", "3"}),
            "f.yaml:1: cores: unknown key; known here: core, name; did you mean 'core'?");
}

TEST(YamlOverrideTest, SectionsAndValuesAreNotInterchangeable) {
  EXPECT_EQ(override_error({"core", "3"}), "f.yaml:2: core: must be a mapping");
  EXPECT_THAT(override_error({"core.width.bits", "3"}),
              ::testing::StartsWith("f.yaml:3: core.width: "));
  EXPECT_THAT(override_error({"core.sizes.0", "3"}),
              ::testing::StartsWith("f.yaml:6: core.sizes: "));
}

}  // namespace
}  // namespace tilewake
