// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace tilewake {

/// `text` as one CSV field: quoted, with inner quotes doubled, if it contains a comma, a quote or a
/// line break; otherwise unchanged. Source: RFC 4180, section 2.
std::string csv_field(std::string_view text);

}  // namespace tilewake
