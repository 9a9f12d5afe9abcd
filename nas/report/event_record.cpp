// SPDX-License-Identifier: Apache-2.0
#include "nas/report/event_record.hpp"

#include <array>
#include <cstring>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <limits>

#include <fmt/format.h>

#include "nas/common/little_endian.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

using google::protobuf::io::CodedOutputStream;
using google::protobuf::io::StringOutputStream;

constexpr std::size_t kHeadBytes = 12;  // length (8) and its checksum (4)
constexpr std::size_t kTailBytes = 4;   // checksum of the payload

/// How a field of a protobuf message is encoded. Source: protobuf's encoding guide, "Structure".
enum class WireType : std::uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

// Fields of the messages Event, Summary and Summary.Value.
constexpr std::uint32_t kEventWallTime = 1;
constexpr std::uint32_t kEventStep = 2;
constexpr std::uint32_t kEventFileVersion = 3;
constexpr std::uint32_t kEventSummary = 5;
constexpr std::uint32_t kSummaryValue = 1;
constexpr std::uint32_t kValueTag = 1;
constexpr std::uint32_t kValueSimpleValue = 2;

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  constexpr std::uint32_t kPolynomial = 0x82f63b78U;  // 0x1edc6f41, bits reversed
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? kPolynomial : 0U);
    table[byte] = crc;
  }
  return table;
}

constexpr std::array<std::uint32_t, 256> kCrcTable = make_crc_table();

/// Record files store masked checksums, because a CRC over data with embedded CRCs is weak.
std::uint32_t masked_crc(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

/// Builds a protobuf message.
class Message {
 public:
  void add_double(std::uint32_t field, double value) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    append(field, WireType::kFixed64,
           [&](CodedOutputStream& out) { out.WriteLittleEndian64(bits); });
  }
  void add_float(std::uint32_t field, float value) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    append(field, WireType::kFixed32,
           [&](CodedOutputStream& out) { out.WriteLittleEndian32(bits); });
  }
  void add_integer(std::uint32_t field, std::int64_t value) {
    append(field, WireType::kVarint,
           [&](CodedOutputStream& out) { out.WriteVarint64(static_cast<std::uint64_t>(value)); });
  }
  void add_bytes(std::uint32_t field, const std::string& value) {
    append(field, WireType::kBytes, [&](CodedOutputStream& out) {
      out.WriteVarint32(static_cast<std::uint32_t>(value.size()));
      out.WriteString(value);
    });
  }
  const std::string& bytes() const { return bytes_; }

 private:
  template <typename Write>
  void append(std::uint32_t field, WireType type, Write write) {
    StringOutputStream stream(&bytes_);  // appends
    CodedOutputStream out(&stream);
    out.WriteTag((field << 3) | static_cast<std::uint32_t>(type));
    write(out);
  }

  std::string bytes_;
};

std::string framed(const std::string& payload) {
  std::string record;
  append_little_endian(record, static_cast<std::uint64_t>(payload.size()));
  append_little_endian(record, masked_crc(record));
  record += payload;
  append_little_endian(record, masked_crc(payload));
  return record;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = 0xffffffffU;
  for (const char c : bytes) {
    crc = kCrcTable[(crc ^ static_cast<unsigned char>(c)) & 0xffU] ^ (crc >> 8);
  }
  return crc ^ 0xffffffffU;
}

std::string event_record(double wall_time, std::int64_t step,
                         const std::vector<EventScalar>& scalars) {
  Message summary;
  for (const EventScalar& scalar : scalars) {
    Message value;
    value.add_bytes(kValueTag, scalar.tag);
    value.add_float(kValueSimpleValue, static_cast<float>(scalar.value));
    summary.add_bytes(kSummaryValue, value.bytes());
  }
  Message event;
  event.add_double(kEventWallTime, wall_time);
  event.add_integer(kEventStep, step);
  event.add_bytes(kEventSummary, summary.bytes());
  return framed(event.bytes());
}

std::string event_version_record(double wall_time) {
  Message event;
  event.add_double(kEventWallTime, wall_time);
  event.add_bytes(kEventFileVersion, "brain.Event:2");
  return framed(event.bytes());
}

std::vector<std::size_t> event_record_ends(std::string_view file, const std::string& name) {
  std::vector<std::size_t> ends;
  std::size_t begin = 0;
  while (file.size() - begin >= kHeadBytes) {
    const auto damaged = [&] {
      return InputError(
          fmt::format("{}: damaged: the record at byte {} has a wrong checksum", name, begin));
    };
    const auto length = little_endian_at<std::uint64_t>(file, begin);
    if (little_endian_at<std::uint32_t>(file, begin + 8) != masked_crc(file.substr(begin, 8))) {
      throw damaged();
    }
    const std::size_t rest = file.size() - begin - kHeadBytes;
    if (rest < kTailBytes || length > rest - kTailBytes) break;  // truncated
    const std::string_view payload = file.substr(begin + kHeadBytes, length);
    const std::size_t tail = begin + kHeadBytes + payload.size();
    if (little_endian_at<std::uint32_t>(file, tail) != masked_crc(payload)) throw damaged();
    begin = tail + kTailBytes;
    ends.push_back(begin);
  }
  return ends;
}

}  // namespace tilewake
