// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace tilewake {

/// `text` as one line for a terminal: control characters (also those of Unicode that break lines or
/// reverse the direction of text) and bytes that are not UTF-8 are replaced by '?'. Everything else
/// is kept. For whole messages; printable() is for a name within one.
std::string one_line(std::string_view text);

}  // namespace tilewake
