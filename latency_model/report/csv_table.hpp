// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace tilewake {

/// Reads a CSV file of the tool: a first line such as `# tilewake-sweep v1`, a line of names, and
/// rows. Returns an object with one array per column: numbers where the text is one, null where it
/// is empty, otherwise strings.
///
/// Throws InputError `file:line: message` for another first line, a row of another length, a bad
/// quote, and files of more than 64 MiB.
nlohmann::ordered_json read_csv_columns(const std::string& path, std::string_view first_line);

}  // namespace tilewake
