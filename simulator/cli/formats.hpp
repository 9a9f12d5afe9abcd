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

/// What --format names in such a table. Throws UsageError if it names nothing.
template <typename Formats>
auto formatter_of(const Formats& formats, std::string_view format) {
  for (const auto& [name, formatter] : formats) {
    if (name == format) return formatter;
  }
  throw UsageError(fmt::format("--format is one of {}", format_names(formats)));
}

}  // namespace tilewake
