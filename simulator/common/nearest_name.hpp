// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace tilewake {

/// The name in `names` that is nearest to `word`, a misspelled one; empty if none is near.
/// Near is at most two edits and at most a third of the word's length. An edit inserts, removes or
/// replaces a character, or swaps two neighbours. Upper and lower case are equal. Of equally near
/// names, the first is returned. Words of more than 64 bytes have no near name.
std::string_view nearest_name(std::string_view word, const std::vector<std::string_view>& names);

/// What an error message that refuses `word` ends with: "; did you mean 'rows'?", or "".
std::string suggestion(std::string_view word, const std::vector<std::string_view>& names);

/// The same for any range of strings.
template <typename Names>
std::string suggestion(std::string_view word, const Names& names) {
  return suggestion(word, std::vector<std::string_view>(std::begin(names), std::end(names)));
}

}  // namespace tilewake
