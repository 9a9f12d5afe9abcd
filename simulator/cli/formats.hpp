// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

#include "simulator/common/error.hpp"

namespace tilewake {

/// The names in a table of (name, formatter) pairs, for people: "table, csv, json".
template <typename Formats>
std::string format_names(const Formats& formats) {
  std::string names;
  for (const auto& [name, formatter] : formats) {
    if (!names.empty()) names += ", ";
    names += name;
  }
  return names;
}

/// The formatter of that name in such a table. Throws UsageError if there is none.
template <typename Formats>
auto formatter_of(const Formats& formats, std::string_view format) {
  for (const auto& [name, formatter] : formats) {
    if (name == format) return formatter;
  }
  throw UsageError(fmt::format("--format must be one of {}", format_names(formats)));
}

}  // namespace tilewake
