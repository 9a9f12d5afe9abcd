// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "simulator/common/regular_file.hpp"

namespace tilewake {

/// A node of a YAML document: a tree of values with line numbers.
struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMapping };
  struct Key {
    std::string name;
    int line = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };

  Kind kind = Kind::kNull;
  bool quoted = false;  // of a scalar: "3" is text, 3 is a number
  int line = 0;         // counted from 1
  std::string scalar;
  std::vector<Key> keys;           // of a mapping, in file order
  std::vector<YamlNode> children;  // elements of a sequence, or the value of each key

  /// The value of `key` in this mapping, or null.
  const YamlNode* find(const std::string& key) const;
  friend bool operator==(const YamlNode&, const YamlNode&) = default;
};

/// Limits of a file: input is untrusted; real files are far below them.
inline constexpr std::size_t kMaxYamlBytes = kMaxTextFileBytes;
inline constexpr int kMaxYamlDepth = 32;
inline constexpr int kMaxYamlNodes = 1 << 19;

/// Parses exactly one document whose root is a mapping with unique, scalar keys.
///
/// Rejected with `name:line: message`: syntax errors, control characters, anchors, aliases and
/// merge keys (a short file can expand to gigabytes), explicit tags, further documents, an empty
/// file, and files that exceed the limits above.
YamlNode parse_yaml(const std::string& text, const std::string& name);

/// The same with yaml-cpp, of a text without control characters and of a valid size: parse_yaml()
/// uses it for what plain_yaml.hpp does not read.
YamlNode parse_any_yaml(const std::string& text, const std::string& name);

/// `text` for error messages: shortened, control and non-ASCII bytes replaced by '?'.
std::string printable(const std::string& text, std::size_t max_bytes = 60);

}  // namespace tilewake
