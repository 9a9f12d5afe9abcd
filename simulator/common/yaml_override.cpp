// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/yaml_override.hpp"

#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

using Kind = YamlNode::Kind;

/// The value of `key` in `mapping`; created if missing.
YamlNode& child(YamlNode& mapping, const std::string& key) {
  for (std::size_t i = 0; i < mapping.keys.size(); ++i) {
    if (mapping.keys[i].name == key) return mapping.children[i];
  }
  mapping.keys.push_back({key, mapping.line});
  YamlNode& value = mapping.children.emplace_back();
  value.kind = Kind::kMapping;
  value.line = mapping.line;
  return value;
}

}  // namespace

void apply(const YamlOverride& change, YamlNode& root, const std::string& name) {
  YamlNode* node = &root;
  for (std::size_t begin = 0; begin <= change.path.size();) {
    const std::size_t end = std::min(change.path.find('.', begin), change.path.size());
    if (node->kind != Kind::kMapping) {
      throw InputError(fmt::format("{}:{}: {}: is not a section, so {} cannot be set", name,
                                   node->line, printable(change.path.substr(0, begin - 1)),
                                   printable(change.path)));
    }
    node = &child(*node, change.path.substr(begin, end - begin));
    begin = end + 1;
  }
  const int line = node->line;
  *node = YamlNode();
  node->kind = Kind::kScalar;
  node->line = line;
  node->scalar = change.value;
}

}  // namespace tilewake
