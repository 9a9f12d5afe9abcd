// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tilewake {

/// How Protocol Buffers lay a field out. Groups (3 and 4) are long out of use; ONNX has none.
/// Source: "Protocol Buffers, Encoding", https://protobuf.dev/programming-guides/encoding.
enum class WireType { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

/// Walks over the fields of one message, in place: it copies nothing and allocates nothing, so that
/// the weights of a model cost no memory and a hostile file cannot ask for any.
///
///   while (reader.next()) {
///     if (reader.field() == 1) name = reader.bytes();
///   }
///
/// A field that is not asked for is skipped. Throws InputError that begins with "byte N: ", counted
/// in the outermost message, where the bytes are no message or a field has another type.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : WireReader(bytes, bytes.data()) {}

  /// Goes on to the next field; false at the end.
  bool next();
  int field() const { return field_; }

  /// The value of the field at hand.
  std::int64_t integer() const;
  float real() const;  // 32 bits
  std::string_view bytes() const;
  WireReader message() const { return {bytes(), begin_}; }

  /// Calls `action` for every element of a repeated number, packed into one field or not.
  template <typename Action>
  void for_each_integer(Action action) const {
    if (type_ != WireType::kBytes) return action(integer());
    for (WireReader packed = message(); packed.at_ < packed.end_;) {
      action(static_cast<std::int64_t>(packed.read_varint()));
    }
  }
  template <typename Action>
  void for_each_float(Action action) const {
    if (type_ != WireType::kBytes) return action(real());
    for (WireReader packed = message(); packed.at_ < packed.end_;) {
      action(float_of(packed.take(sizeof(float))));
    }
  }
  template <typename Action>
  void for_each_double(Action action) const {
    if (type_ == WireType::kFixed64) return action(double_of(value_));
    for (WireReader packed = message(); packed.at_ < packed.end_;) {
      action(double_of(packed.take(sizeof(double))));
    }
  }

 private:
  WireReader(std::string_view bytes, const char* begin)
      : begin_(begin), at_(bytes.data()), end_(bytes.data() + bytes.size()), field_at_(at_) {}

  std::uint64_t read_varint();
  std::string_view take(std::uint64_t size);
  void expect(WireType type) const;
  [[noreturn]] void fail(const std::string& what) const;
  static float float_of(std::string_view bytes);
  static double double_of(std::string_view bytes);

  const char* begin_;  // of the outermost message
  const char* at_;
  const char* end_;
  const char* field_at_;  // where the field at hand begins
  int field_ = 0;
  WireType type_ = WireType::kVarint;
  std::uint64_t number_ = 0;  // of a varint
  std::string_view value_;    // of every other type
};

/// Puts one message together. Fields stand in the order of the calls.
class WireWriter {
 public:
  WireWriter& integer(int field, std::int64_t value);
  WireWriter& real(int field, float value);
  WireWriter& bytes(int field, std::string_view value);
  WireWriter& message(int field, const WireWriter& value) { return bytes(field, value.bytes_); }

  const std::string& text() const { return bytes_; }

 private:
  void tag(int field, WireType type);
  void varint(std::uint64_t value);

  std::string bytes_;
};

}  // namespace tilewake
