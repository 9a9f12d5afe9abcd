// SPDX-License-Identifier: Apache-2.0
#include "nas/report/event_record.hpp"

#include <string>

#include <gtest/gtest.h>

#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

// Source: RFC 3720, appendix B.4; the last is the check value of the CRC catalogues.
TEST(Crc32c, GivesThePublishedValues) {
  std::string ascending;
  std::string descending;
  for (char c = 0; c < 32; ++c) {
    ascending += c;
    descending += static_cast<char>(31 - c);
  }
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(crc32c(ascending), 0x46dd794eU);
  EXPECT_EQ(crc32c(descending), 0x113fdb5cU);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(""), 0U);
}

/// Bytes as hexadecimal digits.
std::string hex(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    constexpr const char* kDigits = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

// By hand after protobuf's encoding: field 1 fixed64 (tag 09) 1.5, field 3 bytes (tag 1a).
TEST(EventRecord, AFileBeginsWithItsVersion) {
  const std::string record = event_version_record(1.5);
  const std::string payload = std::string("\x09\0\0\0\0\0\0\xf8\x3f\x1a\x0d", 11) + "brain.Event:2";
  EXPECT_EQ(hex(record.substr(12, payload.size())), hex(payload));
  EXPECT_EQ(hex(record.substr(0, 8)), "1800000000000000");
  EXPECT_EQ(record.size(), payload.size() + 16);
}

// Event: wall_time 09, step 10, summary 2a; Summary: value 0a; Value: tag 0a, simple_value 15.
TEST(EventRecord, AScalarIsAValueOfTheSummary) {
  const std::string record = event_record(2.0, 300, {{"a/b", 0.5}, {"c", -2.0}});
  EXPECT_EQ(hex(record.substr(12, record.size() - 16)),
            "090000000000000040"  // 2.0
            "10ac02"              // 300
            "2a16"                // 22 bytes of summary
            "0a0a"
            "0a03612f62"
            "150000003f"  // "a/b", 0.5
            "0a08"
            "0a0163"
            "15000000c0");  // "c", -2
}

/// The checksum that record files mask, from its definition in record_writer.h.
std::uint32_t masked(const std::string& bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

std::uint32_t word_at(const std::string& bytes, std::size_t position) {
  std::uint32_t word = 0;
  for (std::size_t i = 4; i-- > 0;) {
    word = (word << 8) | static_cast<unsigned char>(bytes[position + i]);
  }
  return word;
}

TEST(EventRecord, LengthAndPayloadHaveTheirChecksums) {
  const std::string record = event_record(1e9, 7, {{"train/loss", 0.25}});
  const std::size_t tail = record.size() - 4;
  EXPECT_EQ(word_at(record, 0), tail - 12);
  EXPECT_EQ(word_at(record, 8), masked(record.substr(0, 8)));
  EXPECT_EQ(word_at(record, tail), masked(record.substr(12, tail - 12)));
}

TEST(EventRecordEnds, EveryRecordEndsWhereTheNextBegins) {
  const std::string first = event_version_record(1.0);
  const std::string second = event_record(1.0, 1, {{"x", 1.0}});
  const std::string file = first + second;
  EXPECT_EQ(event_record_ends(file, "f"), (std::vector<std::size_t>{first.size(), file.size()}));
  for (std::size_t cut = first.size(); cut < file.size(); ++cut) {
    EXPECT_EQ(event_record_ends(file.substr(0, cut), "f"),
              (std::vector<std::size_t>{first.size()}));
  }
  EXPECT_TRUE(event_record_ends(first.substr(0, first.size() - 1), "f").empty());
  EXPECT_TRUE(event_record_ends("", "f").empty());
}

TEST(EventRecordEnds, AnyChangedByteIsFound) {
  const std::string first = event_version_record(1.0);
  const std::string file = first + event_record(1.0, 1, {{"x", 1.0}});
  for (std::size_t i = first.size(); i < file.size(); ++i) {
    std::string damaged = file;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    EXPECT_EQ(input_error_of([&] { event_record_ends(damaged, "dir/f"); }),
              "dir/f: damaged: the record at byte " + std::to_string(first.size()) +
                  " has a wrong checksum");
  }
}

}  // namespace
}  // namespace tilewake
