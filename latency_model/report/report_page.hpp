// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace tilewake {

/// The page of a report: one HTML file with styles, libraries, charts (the files of page/) and the
/// data. It refers to nothing outside of itself, and its policy forbids any request.
///
/// `data` is in one script element of type application/json with every `<` escaped, so no text in
/// it can end the element. Throws InputError if the files of the page are not installed, and if
/// the data has more than 64 MiB.
std::string report_page(const nlohmann::ordered_json& data);

/// Throws InputError or IoError if a page cannot be written to `path`: it exists and is no page of
/// a report, or its directory is not writable. Changes nothing.
void check_page_place(const std::string& path);

}  // namespace tilewake
