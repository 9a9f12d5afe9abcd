// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/yaml_reader.hpp"

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

using ::testing::ElementsAre;

YamlReader parse(const std::string& text) { return YamlReader::from_text(text, "f.yaml"); }

template <typename T>
std::string error_reading(const std::string& text, const std::string& key = "k") {
  return input_error_of([&] { parse(text).required<T>(key); });
}

TEST(YamlReaderTest, ScalarsOfEveryKindAreRead) {
  auto yaml = parse("s: some text\nq: 'a: b'\nb: true\nd: -2.5e3\ni: -7\nplus: +7\n");
  EXPECT_EQ(yaml.required<std::string>("s"), "some text");
  EXPECT_EQ(yaml.required<std::string>("q"), "a: b");
  EXPECT_TRUE(yaml.required<bool>("b"));
  EXPECT_EQ(yaml.required<double>("d"), -2500.0);
  EXPECT_EQ(yaml.required<int>("i"), -7);
  EXPECT_EQ(yaml.required<std::int64_t>("plus"), 7);
  yaml.finish();
}

TEST(YamlReaderTest, DefaultAppliesOnlyWhereTheKeyIsAbsent) {
  auto yaml = parse("k: 3\n");
  EXPECT_EQ(yaml.optional<int>("k", 5), 3);
  EXPECT_EQ(yaml.optional<int>("other", 5), 5);
  EXPECT_EQ(yaml.optional<std::string>("name", "x"), "x");
  EXPECT_EQ(yaml.integer("n", 1, 9, 4), 4);
  EXPECT_EQ(yaml.number("r", 0, 1, 0.5), 0.5);
  EXPECT_THAT(yaml.strings("s", {"x"}), ElementsAre("x"));
}

TEST(YamlReaderTest, EmptyValueIsAnErrorAndNotTheDefault) {
  for (const char* null : {"", "~", "null"}) {
    EXPECT_THAT(input_error_of([&] { parse(std::string("k: ") + null).optional<int>("k", 5); }),
                ::testing::StartsWith("f.yaml:1: k: "));
  }
  EXPECT_THAT(error_reading<bool>("k:"), ::testing::StartsWith("f.yaml:1: k: "));
  EXPECT_THAT(error_reading<std::string>("k:"), ::testing::StartsWith("f.yaml:1: k: "));
}

TEST(YamlReaderTest, MissingKeyPointsAtItsMapping) {
  EXPECT_EQ(error_reading<int>("a: 1\n"), "f.yaml:1: k: missing");
  auto yaml = parse("a: 1\ndram:\n  x: 1\n");
  auto section = yaml.section("dram");
  EXPECT_EQ(input_error_of([&] { section.required<int>("k"); }), "f.yaml:3: dram.k: missing");
}

TEST(YamlReaderTest, AMissingKeySuggestsAMisspelledOne) {
  YamlReader reader = YamlReader::from_text("core:\n  row: 1\n  cols: 2\n", "f.yaml");
  YamlReader core = reader.section("core");
  EXPECT_EQ(input_error_of([&] { core.required<int>("rows"); }),
            "f.yaml:2: core.rows: missing; line 2 has 'row', did you mean 'rows'?");
  EXPECT_EQ(input_error_of([&] { core.required<int>("channels"); }),
            "f.yaml:2: core.channels: missing");
}

TEST(YamlReaderTest, IntegersAreDecimalAndNothingElse) {
  for (const char* text : {"0x10", "010", "-010", "1e3", "1.0", "1_000", "\"3\"", "'3'", "three",
                           "3 4", "--3", "+-3", "+", "1,5", "0o7", "true"}) {
    EXPECT_THAT(error_reading<std::int64_t>(std::string("k: ") + text),
                ::testing::StartsWith("f.yaml:1: k: cannot read '"))
        << text;
  }
  EXPECT_EQ(error_reading<int>("k: 0x10"), "f.yaml:1: k: cannot read '0x10' as a decimal integer");
  EXPECT_EQ(parse("k: 0").required<int>("k"), 0);
  EXPECT_EQ(parse("k: -0").required<int>("k"), 0);
}

TEST(YamlReaderTest, IntegerOutsideItsTypeIsRefusedRatherThanTruncated) {
  EXPECT_EQ(error_reading<std::uint8_t>("k: 256"), "f.yaml:1: k: must be from 0 to 255, not 256");
  EXPECT_EQ(error_reading<std::uint32_t>("k: -1"),
            "f.yaml:1: k: must be from 0 to 4294967295, not -1");
  EXPECT_EQ(error_reading<std::int32_t>("k: 2147483648"),
            "f.yaml:1: k: must be from -2147483648 to 2147483647, not 2147483648");
  EXPECT_EQ(error_reading<std::int64_t>("k: 9223372036854775808"),
            "f.yaml:1: k: must be from -9223372036854775808 to 9223372036854775807, "
            "not 9223372036854775808");
  EXPECT_EQ(parse("k: 255").required<std::uint8_t>("k"), 255);
  EXPECT_EQ(parse("k: 9223372036854775807").required<std::uint64_t>("k"),
            std::uint64_t{9223372036854775807U});
}

TEST(YamlReaderTest, RangeIncludesBothEnds) {
  EXPECT_EQ(parse("k: 1").integer("k", 1, 8), 1);
  EXPECT_EQ(parse("k: 8").integer("k", 1, 8), 8);
  EXPECT_EQ(input_error_of([] { parse("k: 9").integer("k", 1, 8); }),
            "f.yaml:1: k: must be from 1 to 8, not 9");
  EXPECT_EQ(input_error_of([] { parse("k: 0").integer("k", 1, 8, 4); }),
            "f.yaml:1: k: must be from 1 to 8, not 0");
  EXPECT_EQ(parse("k: 1").number("k", 0, 1), 1.0);
  EXPECT_EQ(input_error_of([] { parse("k: 1.5").number("k", 0, 1); }),
            "f.yaml:1: k: must be from 0 to 1, not 1.5");
}

TEST(YamlReaderTest, NumbersAreFiniteAndNothingElse) {
  for (const char* text : {".nan", "nan", ".inf", "-.inf", "inf", "infinity", "1e400", "1e-400",
                           "0x1p3", "1.5x", "\"1.5\"", "1,5", "true", "+-1"}) {
    EXPECT_THAT(error_reading<double>(std::string("k: ") + text),
                ::testing::StartsWith("f.yaml:1: k: cannot read '"))
        << text;
  }
  EXPECT_EQ(parse("k: 3").required<double>("k"), 3.0);
  EXPECT_EQ(parse("k: +.5").required<double>("k"), 0.5);
  EXPECT_EQ(parse("k: 1e3").required<double>("k"), 1000.0);
}

TEST(YamlReaderTest, BooleansAreTrueOrFalse) {
  for (const char* text : {"yes", "no", "on", "True", "TRUE", "1", "0", "\"true\"", "y"}) {
    EXPECT_THAT(error_reading<bool>(std::string("k: ") + text),
                ::testing::StartsWith("f.yaml:1: k: must be true or false, not '"))
        << text;
  }
}

TEST(YamlReaderTest, WrongKindOfNodeIsNamed) {
  EXPECT_THAT(error_reading<int>("k: [1]"), ::testing::StartsWith("f.yaml:1: k: "));
  EXPECT_THAT(error_reading<double>("k: {a: 1}"), ::testing::StartsWith("f.yaml:1: k: "));
  EXPECT_THAT(error_reading<std::string>("k: [a]"), ::testing::StartsWith("f.yaml:1: k: "));
  EXPECT_EQ(input_error_of([] { parse("k: 1").section("k"); }), "f.yaml:1: k: must be a mapping");
  EXPECT_EQ(input_error_of([] { parse("k: 1").items("k"); }),
            "f.yaml:1: k: must be a sequence of mappings");
  EXPECT_EQ(input_error_of([] { parse("k:\n  - {}\n  - 3\n").items("k"); }),
            "f.yaml:3: k[1]: must be a mapping");
}

TEST(YamlReaderTest, ScalarAndSequenceOfOneReadAlike) {
  EXPECT_THAT(parse("k: 3").integers("k", 1, 9), ElementsAre(3));
  EXPECT_THAT(parse("k: [3]").integers("k", 1, 9), ElementsAre(3));
  EXPECT_THAT(parse("k: [1, 3]").integers("k", 1, 9), ElementsAre(1, 3));
  EXPECT_THAT(parse("k: a").strings("k"), ElementsAre("a"));
  EXPECT_THAT(parse("k: [a, 'b c']").strings("k"), ElementsAre("a", "b c"));
}

TEST(YamlReaderTest, ErrorInASequenceNamesTheElementAndItsLine) {
  EXPECT_EQ(input_error_of([] { parse("k: [1,\n 2,\n x]\n").integers("k", 1, 9); }),
            "f.yaml:3: k[2]: cannot read 'x' as a decimal integer");
  EXPECT_EQ(input_error_of([] { parse("k: []").integers("k", 1, 9); }),
            "f.yaml:1: k: must not be empty");
}

TEST(YamlReaderTest, UnknownWordListsTheChoices) {
  constexpr std::array<std::pair<std::string_view, int>, 2> kChoices = {
      {{"same", 1}, {"valid", 2}}};
  EXPECT_EQ(parse("k: valid").choice("k", kChoices), 2);
  EXPECT_EQ(parse("a: 1").choice("k", kChoices, 7), 7);
  EXPECT_EQ(input_error_of([&] { parse("a: 1\nk: full").choice("k", kChoices, 7); }),
            "f.yaml:2: k: unknown value 'full'; choose one of: same, valid");
}

TEST(YamlReaderTest, ItemsCarryTheirIndexInThePath) {
  auto yaml = parse("layers:\n  - {name: a}\n  - name: b\n    size: 3\n");
  auto items = yaml.items("layers");
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[1].required<int>("size"), 3);
  EXPECT_EQ(items[1].line(), 3);
  EXPECT_EQ(items[1].line("size"), 4);
  EXPECT_EQ(items[1].line("absent"), 3);
  EXPECT_EQ(items[1].path(), "layers[1]");
  EXPECT_EQ(input_error_of([&] { items[1].fail("size", "too large"); }),
            "f.yaml:4: layers[1].size: too large");
  EXPECT_EQ(input_error_of([&] { items[1].fail("", "too large"); }),
            "f.yaml:3: layers[1]: too large");
  EXPECT_EQ(input_error_of([&] { yaml.fail("", "too large"); }), "f.yaml:1: too large");
}

TEST(YamlReaderTest, CheckFailsAtTheKeyOnlyWhenTheRuleIsBroken) {
  auto yaml = parse("a: 1\nk: 2\n");
  yaml.check(true, "k", "must be odd");
  EXPECT_EQ(input_error_of([&] { yaml.check(false, "k", "must be odd"); }),
            "f.yaml:2: k: must be odd");
}

TEST(YamlReaderTest, UnreadKeyIsRefusedWithTheKnownOnesListed) {
  auto yaml = parse("a: 1\nb: 2\n");
  yaml.required<int>("a");
  yaml.optional<int>("c", 1);
  EXPECT_EQ(input_error_of([&] { yaml.finish(); }), "f.yaml:2: b: unknown key; known here: a, c");
}

TEST(YamlReaderTest, NearestKnownKeyAndWordAreSuggested) {
  auto yaml = parse("row: 2\n");
  yaml.optional<int>("rows", 1);
  EXPECT_EQ(input_error_of([&] { yaml.finish(); }),
            "f.yaml:1: row: unknown key; known here: rows; did you mean 'rows'?");
  constexpr std::array<std::pair<std::string_view, int>, 2> kChoices = {
      {{"same", 1}, {"valid", 2}}};
  EXPECT_EQ(
      input_error_of([&] { parse("k: vaild").choice("k", kChoices); }),
      "f.yaml:1: k: unknown value 'vaild'; choose one of: same, valid; did you mean 'valid'?");
}

TEST(YamlReaderTest, UpToFiveUnreadKeysAreListedInOneError) {
  auto yaml = parse("b: 1\nrows: 2\ncolums: 3\nd: 4\n");
  yaml.required<int>("rows");
  yaml.optional<int>("columns", 1);
  EXPECT_EQ(input_error_of([&] { yaml.finish(); }),
            "f.yaml:1: b: unknown key; known here: columns, rows; also unknown: colums (line 3; "
            "did you mean 'columns'?), d (line 4)");
  auto many = parse("a: 1\nb: 1\nc: 1\nd: 1\ne: 1\nf: 1\ng: 1\n");
  many.optional<int>("k", 1);
  EXPECT_EQ(input_error_of([&] { many.finish(); }),
            "f.yaml:1: a: unknown key; known here: k; also unknown: b (line 2), c (line 3), "
            "d (line 4), e (line 5) and 2 more");
}

TEST(YamlReaderTest, LookingAtAKeyDoesNotCountAsReadingIt) {
  auto yaml = parse("k: [1]\n");
  EXPECT_TRUE(yaml.has("k"));
  EXPECT_FALSE(yaml.has("l"));
  EXPECT_TRUE(yaml.is_sequence("k"));
  EXPECT_FALSE(yaml.is_sequence("l"));
  EXPECT_THAT(yaml.keys(), ElementsAre("k"));
  EXPECT_NE(input_error_of([&] { yaml.finish(); }), "no error");
}

TEST(YamlReaderTest, ReadersOutliveTheOneTheyCameFrom) {
  YamlReader inner = [] { return parse("a: {b: {c: 1}}").section("a").section("b"); }();
  EXPECT_EQ(inner.required<int>("c"), 1);
  EXPECT_EQ(inner.path(), "a.b");
  EXPECT_EQ(inner.file(), "f.yaml");
}

TEST(YamlReaderTest, ErrorsQuoteTheInputShortenedAndWithoutControlCharacters) {
  const std::string error = error_reading<int>("k: \"" + std::string(100, 'x') + "\"");
  EXPECT_LT(error.size(), 160u);
  EXPECT_EQ(
      error_reading<int>("k: \"\\e[31m\\n\""),
      "f.yaml:1: k: cannot read '?[31m?' in quotes, which make it a text, as a decimal integer");
}

}  // namespace
}  // namespace tilewake
