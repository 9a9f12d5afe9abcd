// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "simulator/common/csv.hpp"
#include "simulator/common/math.hpp"
#include "simulator/common/version.hpp"

namespace tilewake {
namespace {

TEST(CsvTest, FieldIsQuotedOnlyWhereTheFormatNeedsIt) {
  EXPECT_EQ(csv_field(""), "");
  EXPECT_EQ(csv_field("conv 1.x"), "conv 1.x");
  EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_field("say \"x\""), "\"say \"\"x\"\"\"");
  EXPECT_EQ(csv_field("a\nb"), "\"a\nb\"");
  EXPECT_EQ(csv_field("a\rb"), "\"a\rb\"");
}

TEST(CsvTest, FieldsOfALineAreThoseThatWereWritten) {
  const std::vector<std::string> fields = {"", "a", "a,b", "say \"x\"", "\"", ",", " a ", ""};
  std::string line = csv_field(fields[0]);
  for (std::size_t i = 1; i < fields.size(); ++i) line += "," + csv_field(fields[i]);
  EXPECT_EQ(csv_fields(line), fields);
  EXPECT_EQ(csv_fields(""), std::vector<std::string>{""});
}

TEST(CsvTest, MisplacedQuotesAreNoLine) {
  for (const char* line : {"\"a", "a\"b", "\"a\"b", "a,\"b", "\"\"\""}) {
    EXPECT_EQ(csv_fields(line), std::nullopt) << line;
  }
}

TEST(HashTest, EqualsThePublishedVectors) {
  // Landon Curt Noll's FNV test suite, 64-bit FNV-1a.
  EXPECT_EQ(fnv1a64(""), 0xcbf29ce484222325U);
  EXPECT_EQ(fnv1a64("a"), 0xaf63dc4c8601ec8cU);
  EXPECT_EQ(fnv1a64("foobar"), 0x85944171f73967e8U);
}

TEST(MathTest, DivisionRoundsTowardsTheNamedSideForNegativesToo) {
  EXPECT_EQ(ceil_div(7, 2), 4);
  EXPECT_EQ(ceil_div(-7, 2), -3);
  EXPECT_EQ(floor_div(7, 2), 3);
  EXPECT_EQ(floor_div(-7, 2), -4);
  for (std::int64_t a = -20; a <= 20; ++a) {
    for (std::int64_t b = 1; b <= 7; ++b) {
      EXPECT_LE(floor_div(a, b) * b, a);
      EXPECT_GT((floor_div(a, b) + 1) * b, a);
      EXPECT_GE(ceil_div(a, b) * b, a);
      EXPECT_LT((ceil_div(a, b) - 1) * b, a);
    }
  }
}

TEST(MathTest, RoundUpReachesTheNextMultiple) {
  EXPECT_EQ(round_up(0, 16), 0);
  EXPECT_EQ(round_up(1, 16), 16);
  EXPECT_EQ(round_up(16, 16), 16);
  EXPECT_EQ(round_up(17, 16), 32);
}

}  // namespace
}  // namespace tilewake
