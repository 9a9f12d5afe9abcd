// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

#include "simulator/network/limits.hpp"

namespace tilewake {

/// What check_name allows.
bool may_stand_in_name(char c);
bool may_begin_name(char c);

/// The nearest name that check_name takes: shortened, and '_' where something may not stand.
std::string plain_name(std::string_view given, std::size_t max_length = kMaxNameLength);

/// Names for layers out of those of other formats, which hold anything and may repeat.
class PlainNames {
 public:
  explicit PlainNames(std::size_t max_length = kMaxNameLength) : max_length_(max_length) {}

  /// A name for a layer that was not given before: a repeated one gets a number.
  std::string next(std::string_view given);

 private:
  std::size_t max_length_;
  std::unordered_map<std::string, int> num_given_;
};

}  // namespace tilewake
