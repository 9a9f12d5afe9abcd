// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/nearest_name.hpp"

#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

constexpr std::size_t kMaxEdits = 2;
constexpr std::size_t kMaxWordBytes = 64;  // limits the work on a hostile word

std::string lower_case(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

/// The optimal string alignment distance of `a` and `b`. Source: Damerau, "A technique for computer
/// detection and correction of spelling errors", Comm. ACM 7(3), 1964.
std::size_t num_edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);  // rows of the table: a[..i-2], a[..i-1],
  std::vector<std::size_t> last(b.size() + 1);         // a[..i]
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      const bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (is_swap) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view nearest_name(std::string_view word, const std::vector<std::string_view>& names) {
  if (word.size() > kMaxWordBytes) return {};
  const std::string lower = lower_case(word);
  std::size_t best = std::min(kMaxEdits, word.size() / 3) + 1;
  std::string_view nearest;
  for (const std::string_view name : names) {
    if (name == word || name.size() > word.size() + kMaxEdits) continue;
    const std::size_t edits = num_edits(lower, lower_case(name));
    if (edits >= best) continue;
    best = edits;
    nearest = name;
  }
  return nearest;
}

std::string suggestion(std::string_view word, const std::vector<std::string_view>& names) {
  const std::string_view name = nearest_name(word, names);
  return name.empty() ? "" : fmt::format("; did you mean '{}'?", printable(std::string(name)));
}

}  // namespace tilewake
