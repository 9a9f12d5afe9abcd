// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/one_line.hpp"

#include <cstddef>
#include <cstdint>

namespace tilewake {
namespace {

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t num_bytes = 0;  // 0: not UTF-8
};

/// The first code point of `text`, which is not empty.
CodePoint first_of(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  std::size_t length = 0;
  std::uint32_t value = 0;
  std::uint32_t smallest = 0;  // below it the sequence is longer than needed
  if ((lead & 0xe0U) == 0xc0U) {
    length = 2;
    value = lead & 0x1fU;
    smallest = 0x80;
  } else if ((lead & 0xf0U) == 0xe0U) {
    length = 3;
    value = lead & 0x0fU;
    smallest = 0x800;
  } else if ((lead & 0xf8U) == 0xf0U) {
    length = 4;
    value = lead & 0x07U;
    smallest = 0x10000;
  }
  if (length == 0 || text.size() < length) return {};
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) return {};
    value = value << 6U | (byte(i) & 0x3fU);
  }
  const bool is_surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < smallest || value > 0x10ffff || is_surrogate) return {};
  return {value, length};
}

bool is_control(std::uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f)  // C0, DEL, C1
         || c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069)  // separators of lines, direction of text
         || c == 0xfeff;
}

}  // namespace

std::string one_line(std::string_view text) {
  std::string line;
  line.reserve(text.size());
  while (!text.empty()) {
    const CodePoint c = first_of(text);
    const std::size_t length = c.num_bytes == 0 ? 1 : c.num_bytes;
    if (c.num_bytes == 0 || is_control(c.value)) {
      line += '?';
    } else {
      line += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return line;
}

}  // namespace tilewake
