// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace tilewake {

struct YamlNode;

/// A value that takes the place of the one in a file.
struct YamlOverride {
  std::string path;   // keys from the root, joined by dots: "dram.num_channels"
  std::string value;  // a plain scalar: what the file would hold without quotes
};

/// Applies it to a document. The value keeps the line of the one it replaces. A key that is not
/// there is added at the end of its section, on that section's line: the reader of the document
/// knows whether it may be there, and refuses it like any other. Throws InputError
/// `name:line: path: what` where the path leads through a value that has no keys.
void apply(const YamlOverride& change, YamlNode& root, const std::string& name);

}  // namespace tilewake
