// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/nearest_name.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {

/// The names in a table of (name, value) pairs, for people: "table, csv, json".
template <typename Table>
std::string format_names(const Table& table) {
  std::string names;
  for (const auto& [name, value] : table) {
    if (!names.empty()) names += ", ";
    names += name;
  }
  return names;
}

/// The value of the name `word` in such a table. Throws UsageError if there is none.
///   @param option  that has the value `word`, as a user writes it: "--stream"
template <typename Table>
auto value_of_word(std::string_view option, const Table& table, const std::string& word) {
  std::vector<std::string_view> names;
  for (const auto& [name, value] : table) {
    if (name == word) return value;
    names.push_back(name);
  }
  throw UsageError(fmt::format("{} must be one of {}, not '{}'{}", option, format_names(table),
                               printable(word), suggestion(word, names)));
}

/// The formatter of that name in a table of (name, formatter) pairs. Throws UsageError if there is
/// none.
template <typename Formats>
auto formatter_of(const Formats& formats, const std::string& format) {
  return value_of_word("--format", formats, format);
}

}  // namespace tilewake
