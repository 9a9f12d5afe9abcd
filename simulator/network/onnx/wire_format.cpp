// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/wire_format.hpp"

#include <bit>
#include <cstring>

#include <fmt/format.h>

#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

// Fixed-width values are little-endian by definition.
static_assert(std::endian::native == std::endian::little);

constexpr int kTypeBits = 3;
constexpr int kVarintBits = 7;  // a byte; the eighth says that another follows
constexpr std::uint64_t kMaxField = (std::uint64_t{1} << 29) - 1;

}  // namespace

bool WireReader::next() {
  field_at_ = at_;
  if (at_ == end_) return false;
  const std::uint64_t tag = read_varint();
  const std::uint64_t field = tag >> kTypeBits;
  if (field < 1 || field > kMaxField) fail("is no field of a message");
  field_ = static_cast<int>(field);
  switch (tag & ((1U << kTypeBits) - 1)) {
    case 0:
      type_ = WireType::kVarint;
      number_ = read_varint();
      return true;
    case 1:
      type_ = WireType::kFixed64;
      value_ = take(sizeof(double));
      return true;
    case 2:
      type_ = WireType::kBytes;
      value_ = take(read_varint());
      return true;
    case 5:
      type_ = WireType::kFixed32;
      value_ = take(sizeof(float));
      return true;
    default:
      fail("is no field of a message");
  }
}

std::int64_t WireReader::integer() const {
  expect(WireType::kVarint);
  return static_cast<std::int64_t>(number_);
}

float WireReader::real() const {
  expect(WireType::kFixed32);
  return float_of(value_);
}

std::string_view WireReader::bytes() const {
  expect(WireType::kBytes);
  return value_;
}

std::uint64_t WireReader::read_varint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += kVarintBits) {
    if (at_ == end_) fail("the message ends within a number");
    const auto byte = static_cast<unsigned char>(*at_++);
    value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
    if ((byte & 0x80U) == 0) return value;
  }
  fail("a number of more than 64 bits");
}

std::string_view WireReader::take(std::uint64_t size) {
  const auto left = static_cast<std::uint64_t>(end_ - at_);
  if (size > left) fail(fmt::format("a field of {} bytes, where {} follow", size, left));
  const std::string_view value(at_, static_cast<std::size_t>(size));
  at_ += size;
  return value;
}

void WireReader::expect(WireType type) const {
  if (type_ != type) {
    fail(fmt::format("field {} is of wire type {}, expected {}", field_, static_cast<int>(type_),
                     static_cast<int>(type)));
  }
}

void WireReader::fail(const std::string& what) const {
  throw InputError(fmt::format("byte {}: {}", field_at_ - begin_, what));
}

float WireReader::float_of(std::string_view bytes) {
  float value = 0.0F;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

double WireReader::double_of(std::string_view bytes) {
  double value = 0.0;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

WireWriter& WireWriter::integer(int field, std::int64_t value) {
  tag(field, WireType::kVarint);
  varint(static_cast<std::uint64_t>(value));
  return *this;
}

WireWriter& WireWriter::real(int field, float value) {
  tag(field, WireType::kFixed32);
  char buffer[sizeof(value)];
  std::memcpy(buffer, &value, sizeof(value));
  bytes_.append(buffer, sizeof(value));
  return *this;
}

WireWriter& WireWriter::bytes(int field, std::string_view value) {
  tag(field, WireType::kBytes);
  varint(value.size());
  bytes_ += value;
  return *this;
}

void WireWriter::tag(int field, WireType type) {
  varint(static_cast<std::uint64_t>(field) << kTypeBits | static_cast<std::uint64_t>(type));
}

void WireWriter::varint(std::uint64_t value) {
  for (; value > 0x7fU; value >>= kVarintBits) {
    bytes_ += static_cast<char>((value & 0x7fU) | 0x80U);
  }
  bytes_ += static_cast<char>(value);
}

}  // namespace tilewake
