// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tilewake {

/// `text` as one CSV field: quoted, with inner quotes doubled, if it contains a comma, a quote or a
/// line break; otherwise unchanged. Source: RFC 4180, section 2.
std::string csv_field(std::string_view text);

/// The fields of one line without its line break: the inverse of csv_field. None if a quote is
/// missing or misplaced.
std::optional<std::vector<std::string>> csv_fields(std::string_view line);

}  // namespace tilewake
