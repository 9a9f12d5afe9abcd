// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "simulator/common/yaml_fields.hpp"

namespace tilewake {

/// The keys of a mapping in a YAML file, with types, ranges, defaults, units and meanings: what its
/// list of fields (YamlFields) accepts. Rules between keys are not part of it.
struct YamlSchema {
  // clang-tidy: that moving JSON may throw is a false alarm.
  struct Key {  // NOLINT(bugprone-exception-escape)
    std::string name;
    std::string unit;
    std::string meaning;
    std::string range;            // as in YamlFieldTable
    nlohmann::ordered_json type;  // JSON Schema of a scalar or a sequence of scalars
    bool is_required = true;
    std::optional<nlohmann::ordered_json> fallback;  // the default of a key that may be missing
    std::string fallback_text;                       // the same for people
    std::vector<YamlSchema> inner;  // of a mapping, or of each element of a sequence: one
    std::size_t max_count = 0;      // of a sequence of mappings; otherwise 0
    std::string word;               // that may be there instead, if any
  };

  struct Variant;

  std::vector<Key> keys;
  std::string selector;  // the key whose value decides which of the variants are the keys, if any
  std::vector<Variant> variants;
  std::string preset;                    // a key that replaces others, if any
  std::vector<std::string> preset_keys;  // those
};

struct YamlSchema::Variant {
  std::string value;  // of the selector
  YamlSchema schema;
};

/// The schema of the fields that `visit` visits. `visit` may be called several times; the fields'
/// values are the defaults.
YamlSchema schema_of(const std::function<void(YamlFields&)>& visit);

/// As a JSON Schema, draft 07. https://json-schema.org/draft-07
///   @param title  what the file describes: "machine"
std::string json_schema(const YamlSchema& schema, std::string_view title);

/// As a table in Markdown, one row for each key.
std::string schema_markdown(const YamlSchema& schema);

}  // namespace tilewake
