// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace tilewake {

struct YamlNode;

/// A value that replaces the one in a file.
struct YamlOverride {
  std::string path;   // keys from the root, joined by dots: "dram.num_channels"
  std::string value;  // a plain scalar, as in a file without quotes
};

/// Applies the override to a document. The value gets the line of the replaced one. A missing key
/// is added at the end of its section, with the section's line; the document's reader checks it
/// like other keys. Throws InputError `name:line: path: message` if the path contains a value
/// without keys.
void apply(const YamlOverride& change, YamlNode& root, const std::string& name);

}  // namespace tilewake
