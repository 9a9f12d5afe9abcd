// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/json_document.hpp"

#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/input_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

using testing::StartsWith;

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

std::string json_error(const std::string& text, const JsonLimits& limits = {}) {
  return input_error_of([&] { parse_json(text, "f.json", limits); });
}

TEST(JsonDocumentTest, ReadsWhatTheLibraryReads) {
  EXPECT_EQ(parse_json(R"({"a": [1, 2.5, "x\"[{,"]})", "f.json").dump(),
            R"({"a":[1,2.5,"x\"[{,"]})");
  EXPECT_EQ(parse_ordered_json(R"({"b": 1, "a": 2})", "f.json").dump(), R"({"b":1,"a":2})");
}

TEST(JsonDocumentTest, DepthIsBoundedExactly) {
  constexpr auto kDepth = static_cast<std::size_t>(kMaxJsonDepth);
  EXPECT_EQ(parse_json(nested(kDepth), "f.json").size(), 1U);
  EXPECT_THAT(json_error("\n\n" + nested(kDepth + 1)), StartsWith("f.json:3: "));
}

TEST(JsonDocumentTest, TenMillionBracketsAreRefusedWithoutDeepStack) {
  const JsonLimits limits = {std::size_t{1} << 25, std::size_t{1} << 25};
  for (const char* piece : {"[", "{\"a\":", "[{\"a\":"}) {
    std::string text;
    while (text.size() < 10'000'000) text += piece;
    EXPECT_THAT(json_error(text, limits), StartsWith("f.json:1: "));
  }
  // Closing brackets first would fool a counter; the parser refuses the first one.
  EXPECT_THAT(json_error(std::string(1'000'000, ']') + std::string(1'000'000, '['), limits),
              StartsWith("f.json:1: "));
}

TEST(JsonDocumentTest, BracketsInStringsAreText) {
  EXPECT_EQ(parse_json("\"" + std::string(1000, '[') + "\"", "f.json").get<std::string>().size(),
            1000U);
}

TEST(JsonDocumentTest, BytesAndValuesAreBounded) {
  EXPECT_THAT(json_error("[1, 2]", {5}), StartsWith("f.json: "));
  EXPECT_EQ(json_error("[1, 2]", {6, 3}), "no error");
  EXPECT_THAT(json_error("[1,\n2]", {6, 2}), StartsWith("f.json:"));
}

TEST(JsonDocumentTest, AnErrorNamesTheLineAndIsOnePrintableLine) {
  EXPECT_THAT(json_error("{\"a\": 1,\n\"b\": }"), StartsWith("f.json:2: "));
  EXPECT_THAT(json_error(""), StartsWith("f.json:1: "));
  EXPECT_THAT(json_error("1e999"), StartsWith("f.json:1: "));
  for (const std::string& text : {std::string("{\"a\n\x1b[31m"), std::string("\"\xff\xfe\""),
                                  std::string("\x00[", 2), std::string("\"\xc2\x9b\"x")}) {
    const std::string error = json_error(text);
    EXPECT_THAT(error, StartsWith("f.json:"));
    for (const char c : error) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << error;
  }
}

TEST(JsonDocumentTest, ReadsFilesWithinTheLimit) {
  const TempDir dir;
  const std::string path = dir.file("a.json");
  std::ofstream(path) << "[1]";
  EXPECT_EQ(read_json_file(path).dump(), "[1]");
  EXPECT_THAT(input_error_of([&] { read_json_file(path, {2}); }), StartsWith(path));
}

}  // namespace
}  // namespace tilewake
