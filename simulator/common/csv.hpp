// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace tilewake {

/// `text` as one CSV field: in quotes, inner quotes doubled, when it holds a comma, a quote or a
/// line break; unchanged otherwise. Source: RFC 4180, section 2.
std::string csv_field(std::string_view text);

}  // namespace tilewake
