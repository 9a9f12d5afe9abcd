// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/wire_format.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

TEST(WireFormat, WhatIsWrittenIsRead) {
  const std::vector<std::int64_t> numbers = {0,
                                             1,
                                             127,
                                             128,
                                             -1,
                                             std::numeric_limits<std::int64_t>::max(),
                                             std::numeric_limits<std::int64_t>::min()};
  WireWriter writer;
  for (const std::int64_t number : numbers) writer.integer(1, number);
  writer.real(2, -0.25F).bytes(1000, "text").message(3, WireWriter().integer(1, 7));

  WireReader reader(writer.text());
  for (const std::int64_t number : numbers) {
    ASSERT_TRUE(reader.next());
    EXPECT_EQ(reader.field(), 1);
    EXPECT_EQ(reader.integer(), number);
  }
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.real(), -0.25F);
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.field(), 1000);
  EXPECT_EQ(reader.bytes(), "text");
  ASSERT_TRUE(reader.next());
  WireReader inner = reader.message();
  ASSERT_TRUE(inner.next());
  EXPECT_EQ(inner.integer(), 7);
  EXPECT_FALSE(inner.next());
  EXPECT_FALSE(reader.next());
}

TEST(WireFormat, RepeatedNumbersMayBePacked) {
  std::vector<std::int64_t> values;
  WireReader reader(std::string_view("\x0a\x03\x01\xac\x02\x08\x05", 7));
  while (reader.next()) reader.for_each_integer([&](std::int64_t v) { values.push_back(v); });
  EXPECT_EQ(values, (std::vector<std::int64_t>{1, 300, 5}));
}

TEST(WireFormat, WhatIsNoMessageIsRefusedWithItsPlace) {
  const auto error_of = [](std::string_view bytes) {
    return input_error_of([&] {
      WireReader reader(bytes);
      while (reader.next()) reader.message();
    });
  };
  EXPECT_EQ(error_of("\x08"), "byte 0: the message ends within a number");
  EXPECT_EQ(error_of(std::string_view("\x0a\x00\x0a\x05"
                                      "ab",
                                      6)),
            "byte 2: a field of 5 bytes, where 2 follow");
  EXPECT_EQ(error_of(std::string_view("\x08\x01", 2)),
            "byte 0: field 1 is of wire type 0, expected 2");
  EXPECT_EQ(error_of("\x0b"), "byte 0: is no field of a message");  // a group
  EXPECT_EQ(error_of(std::string_view("\x00\x00", 2)), "byte 0: is no field of a message");
  EXPECT_EQ(error_of("\x0d"
                     "abc"),
            "byte 0: a field of 4 bytes, where 3 follow");
}

}  // namespace
}  // namespace tilewake
