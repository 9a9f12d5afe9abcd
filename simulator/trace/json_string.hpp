// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace tilewake {

/// `text` as a quoted JSON string, which is also valid YAML. Bytes that are not UTF-8 are replaced,
/// so the file stays readable.
std::string json_string(const std::string& text);

}  // namespace tilewake
