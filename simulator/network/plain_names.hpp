// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

#include "simulator/network/limits.hpp"

namespace tilewake {

/// Characters that check_name allows.
bool is_name_char(char c);
bool is_first_name_char(char c);

/// The nearest name that check_name allows: truncated, with '_' for other characters.
std::string plain_name(std::string_view given, std::size_t max_length = kMaxNameLength);

/// Unique valid layer names from names of other formats, which may repeat and contain any
/// character.
class PlainNames {
 public:
  explicit PlainNames(std::size_t max_length = kMaxNameLength) : max_length_(max_length) {}

  /// Returns a new name; a repeated one gets a number.
  std::string next(std::string_view given);

 private:
  std::size_t max_length_;
  std::unordered_map<std::string, int> num_given_;
};

}  // namespace tilewake
