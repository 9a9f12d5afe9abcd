// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace tilewake {

/// `text` as a JSON string with its quotes, which YAML reads as well. Bytes that are not UTF-8 are
/// replaced, so that a strange name never makes a file unreadable.
std::string json_string(const std::string& text);

}  // namespace tilewake
