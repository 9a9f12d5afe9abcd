// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace tilewake {

/// Written to every output file; equal to the version in the top CMakeLists.txt.
inline constexpr std::string_view kVersion = "0.1.0";

/// FNV-1a, 64 bits: identifies the input of a run. No protection against forgery.
/// Source: Fowler, Noll, Vo, "The FNV Non-Cryptographic Hash Algorithm", constants of section 5.
///   @param hash  of the text before, to hash a long one in pieces
constexpr std::uint64_t fnv1a64(std::string_view text, std::uint64_t hash = 0xcbf29ce484222325ULL) {
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;
  }
  return hash;
}

}  // namespace tilewake
