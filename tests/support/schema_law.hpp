// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <regex>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/common/yaml_schema.hpp"
#include "tests/support/yaml_mutator.hpp"

namespace tilewake {

/// The values of a YAML document by the core schema of YAML 1.2, as editors see them.
inline nlohmann::json json_of(const YamlNode& node) {
  using Json = nlohmann::json;
  Json json;
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return nullptr;
    case YamlNode::Kind::kSequence:
      json = Json::array();
      for (const YamlNode& child : node.children) json.push_back(json_of(child));
      return json;
    case YamlNode::Kind::kMapping:
      json = Json::object();
      for (std::size_t i = 0; i < node.keys.size(); ++i)
        json[node.keys[i].name] = json_of(node.children[i]);
      return json;
    case YamlNode::Kind::kScalar:
      break;
  }
  std::string text = node.scalar;
  if (node.quoted) return text;
  if (text == "true" || text == "false") return text == "true";
  static const std::regex kInteger("[-+]?(0|[1-9][0-9]*)");
  static const std::regex kNumber(R"([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?)");
  if (text.size() < 100 && std::regex_match(text, kNumber)) {
    if (text[0] == '+') text.erase(0, 1);
    const char* const end = text.data() + text.size();
    std::int64_t integer = 0;
    if (std::regex_match(text, kInteger) &&
        std::from_chars(text.data(), end, integer).ec == std::errc{})
      return integer;
    double number = 0.0;
    if (std::from_chars(text.data(), end, number).ec == std::errc{}) return number;
  }
  return text;
}

/// Whether a regular expression is found in `text`; compiles each only once.
inline bool is_found(const std::string& pattern, const std::string& text) {
  static std::map<std::string, std::regex> compiled;
  const auto regex = compiled.try_emplace(pattern, pattern).first;
  return std::regex_search(text, regex->second);
}

/// The first violation of a JSON Schema, or nothing: the keywords that json_schema() writes.
inline std::string violation(const nlohmann::json& schema, const nlohmann::json& value,
                             const std::string& path = "") {
  const auto is_type = [&](const std::string& type) {
    return (type == "object" && value.is_object()) || (type == "array" && value.is_array()) ||
           (type == "string" && value.is_string()) || (type == "boolean" && value.is_boolean()) ||
           (type == "integer" && value.is_number_integer()) ||
           (type == "number" && value.is_number());
  };
  for (const auto& [keyword, rule] : schema.items()) {
    const std::string here = path + " " + keyword;
    if (keyword == "type") {
      const auto types = rule.is_array() ? rule : nlohmann::json::array({rule});
      if (std::none_of(types.begin(), types.end(), is_type)) return here;
    } else if (keyword == "enum") {
      if (std::find(rule.begin(), rule.end(), value) == rule.end()) return here;
    } else if (keyword == "const") {
      if (value != rule) return here;
    } else if (keyword == "minimum" || keyword == "exclusiveMinimum") {
      if (value.is_number() && (value < rule || (keyword != "minimum" && value == rule)))
        return here;
    } else if (keyword == "maximum" || keyword == "exclusiveMaximum") {
      if (value.is_number() && (value > rule || (keyword != "maximum" && value == rule)))
        return here;
    } else if (keyword == "pattern") {
      if (value.is_string() && !is_found(rule.get<std::string>(), value.get<std::string>()))
        return here;
    } else if (keyword == "minItems") {
      if (value.is_array() && value.size() < rule.get<std::size_t>()) return here;
    } else if (keyword == "maxItems") {
      if (value.is_array() && value.size() > rule.get<std::size_t>()) return here;
    } else if (keyword == "uniqueItems") {
      for (std::size_t i = 0; value.is_array() && i < value.size(); ++i) {
        if (std::count(value.begin(), value.end(), value[i]) > 1) return here;
      }
    } else if (keyword == "items") {
      for (std::size_t i = 0; value.is_array() && i < value.size(); ++i) {
        const std::string found = violation(rule, value[i], path + "/" + std::to_string(i));
        if (!found.empty()) return found;
      }
    } else if (keyword == "required") {
      for (const auto& key : rule) {
        if (value.is_object() && !value.contains(key)) return here;
      }
    } else if (keyword == "properties") {
      for (const auto& [key, property] : rule.items()) {
        if (!value.is_object() || !value.contains(key)) continue;
        const std::string found = violation(property, value[key], path + "/" + key);
        if (!found.empty()) return found;
      }
    } else if (keyword == "additionalProperties") {
      if (rule != false) return "unknown keyword";
      if (!value.is_object()) continue;
      for (const auto& [key, property] : value.items()) {
        if (!schema["properties"].contains(key)) return here;
      }
    } else if (keyword == "anyOf") {
      const auto holds = [&](const auto& choice) { return violation(choice, value).empty(); };
      if (std::none_of(rule.begin(), rule.end(), holds)) return here;
    } else if (keyword == "allOf") {
      for (const auto& condition : rule) {
        if (!violation(condition["if"], value).empty()) continue;
        const std::string found = violation(condition["then"], value, path);
        if (!found.empty()) return found;
      }
    } else if (keyword != "$schema" && keyword != "title" && keyword != "description" &&
               keyword != "default") {
      return "unknown keyword " + keyword;
    }
  }
  return "";
}

/// Whether an error is about one key alone, which a schema describes, too.
///   @param schema  the text of the schema, which has the range of the key
inline bool is_error_of_one_key(const std::string& error, const std::string& schema) {
  if (error.find("missing:") != std::string::npos) return false;  // a rule between keys
  static const std::regex kRange("must be from ([-+.e0-9]+) to ([-+.e0-9]+)");
  if (std::smatch range; std::regex_search(error, range, kRange)) {
    // Other ranges depend on other keys.
    return schema.find("\"minimum\": " + range.str(1) + ",") != std::string::npos &&
           is_found("\"maximum\": " + range.str(2) + "\\b", schema);
  }
  for (const std::string_view rule :
       {": missing", "unknown key", "cannot read ", "unknown value", "must be true or false",
        ", expected ", "must be a mapping", "must be a sequence"}) {
    if (error.find(rule) != std::string::npos) return true;
  }
  return false;
}

/// Damages `text` many times. What `read(text, name)` accepts, the schema accepts; what it refuses
/// for one key alone (unknown, missing, of the wrong type, out of range), the schema refuses.
inline void expect_schema_agrees(
    const YamlSchema& schema, const std::string& text, std::uint64_t seed, int num_mutants,
    const std::function<void(const std::string&, const std::string&)>& read) {
  const std::string schema_text = json_schema(schema, "test");
  const auto json = nlohmann::json::parse(schema_text);
  ASSERT_EQ(violation(json, json_of(parse_yaml(text, "text"))), "");
  ASSERT_NO_THROW(read(text, "text"));
  YamlMutator mutator(text, seed);
  int num_refused = 0;
  for (int i = 0; i < num_cases(num_mutants); ++i) {
    const std::string mutant = mutator.next();
    YamlNode node;
    try {
      node = parse_yaml(mutant, "mutant.yaml");
    } catch (const InputError&) {
      continue;  // no YAML
    }
    const std::string found = violation(json, json_of(node));
    std::string error;
    try {
      read(mutant, "mutant.yaml");
    } catch (const InputError& e) {
      error = e.what();
    }
    if (error.empty()) {
      ASSERT_EQ(found, "") << mutant;
    } else if (is_error_of_one_key(error, schema_text)) {
      ++num_refused;
      ASSERT_NE(found, "") << error << "\n" << mutant;
    }
  }
  EXPECT_GE(num_refused, num_cases(num_mutants) / 50);  // else no reader is reached
}

}  // namespace tilewake
