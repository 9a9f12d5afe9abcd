// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tilewake {

/// Appends the bytes of a number, the least significant first, on machines of any order.
template <std::unsigned_integral T>
void append_little_endian(std::string& bytes, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    bytes.push_back(static_cast<char>((value >> (8 * i)) & 0xffU));
  }
}

inline void append_little_endian(std::string& bytes, float value) {
  append_little_endian(bytes, std::bit_cast<std::uint32_t>(value));
}

/// The number that begins at `position`; its bytes must be there.
template <std::unsigned_integral T>
T little_endian_at(std::string_view bytes, std::size_t position) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value |= static_cast<T>(static_cast<unsigned char>(bytes[position + i])) << (8 * i);
  return value;
}

}  // namespace tilewake
