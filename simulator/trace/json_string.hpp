// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace tilewake {

/// `text` as a quoted JSON string, which is also valid YAML. Bytes that are not UTF-8 are replaced,
/// so the file stays readable.
std::string json_string(const std::string& text);

/// An fnv1a64 as our JSON and YAML files have it: "fnv1a64:" and 16 hex digits.
std::string hash_text(std::uint64_t hash);

}  // namespace tilewake
