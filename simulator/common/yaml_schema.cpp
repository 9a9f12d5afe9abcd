// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/yaml_schema.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tilewake {
namespace {

using Json = nlohmann::ordered_json;

/// A number without ".0" if it is whole.
Json json_number(double value) {
  constexpr double kMaxExact = 9007199254740992.0;  // 2^53
  if (std::abs(value) <= kMaxExact && value == std::floor(value))
    return static_cast<std::int64_t>(value);
  return value;
}

/// Collects the fields of one mapping at a time.
class SchemaBuilder final : public YamlFields {
 public:
  YamlSchema build(const std::function<void()>& visit) {
    const Mapping outer = std::exchange(mapping_, {});
    visit();
    YamlSchema schema = std::move(mapping_.schema);
    if (!mapping_.names.empty()) {
      const std::vector<std::string> names = std::move(mapping_.names);
      YamlSchema all;
      all.selector = mapping_.selector;
      all.variants.push_back({names.front(), std::move(schema)});
      for (std::size_t i = 1; i < names.size(); ++i) {
        mapping_ = {};
        mapping_.choice = i;
        visit();
        all.variants.push_back({names[i], std::move(mapping_.schema)});
      }
      schema = std::move(all);
    }
    mapping_ = outer;
    return schema;
  }

 private:
  struct Mapping {
    YamlSchema schema;
    std::size_t choice = 0;  // of the selector
    std::string selector;
    std::vector<std::string> names;  // of its values
    bool is_optional = false;
    bool is_preset = false;
  };

  YamlSchema::Key key_of(std::string_view name, const FieldDoc& doc) const {
    YamlSchema::Key key;
    key.name = name;
    key.unit = doc.unit;
    key.meaning = doc.meaning;
    key.is_required = !mapping_.is_optional && !mapping_.is_preset;
    return key;
  }

  void add(YamlSchema::Key key) {
    if (mapping_.is_preset) mapping_.schema.preset_keys.push_back(key.name);
    mapping_.schema.keys.push_back(std::move(key));
  }

  void visit(std::string_view name, const Field& field, const FieldDoc& doc) override {
    YamlSchema::Key key = key_of(name, doc);
    key.range = range_text(field);
    key.type = std::visit([](const auto& f) { return type_of(f); }, field);
    if (const auto* selector = std::get_if<Selector>(&field)) {
      mapping_.selector = name;
      mapping_.names.assign(selector->names.begin(), selector->names.end());
      selector->index = mapping_.choice;
      key.type = {{"const", mapping_.names[mapping_.choice]}};
    }
    const Json value = std::visit([](const auto& f) { return value_of(f); }, field);
    if (mapping_.is_optional && !doc.fallback.empty()) {
      key.fallback_text = doc.fallback;
    } else if (mapping_.is_optional && !value.is_null()) {
      key.fallback = value;
      key.fallback_text = value_text(field);
    }
    add(std::move(key));
  }

  void visit_section(std::string_view name, const std::function<void()>& visit,
                     const FieldDoc& doc) override {
    YamlSchema::Key key = key_of(name, doc);
    const bool is_optional = mapping_.is_optional;
    key.inner.push_back(build([&] {
      mapping_.is_optional = is_optional;
      visit();
    }));
    add(std::move(key));
  }

  void visit_items(std::string_view name, const Items& items, const FieldDoc& doc) override {
    YamlSchema::Key key = key_of(name, doc);
    key.max_count = items.max_count;
    items.resize(0);
    items.resize(1);
    key.inner.push_back(build([&] { items.visit(0); }));
    add(std::move(key));
  }

  void visit_or_word(std::string_view /*key*/, std::string_view word, bool& is_word,
                     const std::function<void()>& visit) override {
    visit();
    YamlSchema::Key& key = mapping_.schema.keys.back();
    key.word = word;
    if (!is_word || !mapping_.is_optional || !key.inner.empty()) return;
    key.fallback = word;
    key.fallback_text = word;
  }

  void visit_optional(const std::function<void()>& visit) override {
    const bool outer = std::exchange(mapping_.is_optional, true);
    visit();
    mapping_.is_optional = outer;
  }

  void visit_preset(std::string_view name, const Presets& presets,
                    const std::function<void()>& visit, const FieldDoc& doc) override {
    YamlSchema::Key key = key_of(name, doc);
    key.is_required = false;
    key.range = fmt::format("`{}`", fmt::join(presets.names, "`, `"));
    key.type = {{"enum", presets.names}};
    mapping_.schema.preset = name;
    add(std::move(key));
    mapping_.is_preset = true;
    visit();
    mapping_.is_preset = false;
  }

  static Json type_of(const Number& f) {
    Json type = {{"type", "number"}};
    type[f.range.without_min ? "exclusiveMinimum" : "minimum"] = json_number(f.range.min);
    if (f.range.max < NumberRange{}.max)
      type[f.range.without_max ? "exclusiveMaximum" : "maximum"] = json_number(f.range.max);
    return type;
  }
  static Json type_of(const Integer& f) {
    return {{"type", "integer"}, {"minimum", f.min}, {"maximum", f.max}};
  }
  static Json type_of(const Flag& /*field*/) { return {{"type", "boolean"}}; }
  static Json type_of(const Text& f) {
    // A number without quotes is read as text, too.
    Json type = {{"type", {"string", "number", "boolean"}}};
    if (!f.pattern.empty()) type["pattern"] = f.pattern;
    return type;
  }
  static Json type_of(const Word& f) { return {{"enum", f.names}}; }
  static Json type_of(const Order& f) {
    return {{"type", "array"},
            {"items", {{"enum", f.names}}},
            {"uniqueItems", true},
            {"minItems", f.names.size()},
            {"maxItems", f.names.size()}};
  }
  static Json type_of(const Texts& f) {
    std::string none;
    const Json item = f.names.empty() ? type_of(Text{none, {}}) : Json{{"enum", f.names}};
    return {{"anyOf", {item, {{"type", "array"}, {"items", item}, {"minItems", 1}}}}};
  }
  static Json type_of(const Integers& f) {
    const Json item = {{"type", "integer"}, {"minimum", f.min}, {"maximum", f.max}};
    Json sequence = {{"type", "array"}, {"items", item}, {"minItems", f.min_count}};
    if (f.max_count != kAnyCount) sequence["maxItems"] = f.max_count;
    if (f.min_count > 1) return sequence;
    return {{"anyOf", {item, sequence}}};
  }
  static Json type_of(const WordOrIntegers& f) {
    return {{"anyOf", {type_of(f.word), type_of(f.integers)}}};
  }

  // Null: there is no default. An invalid value means that the key is missing.
  static Json value_of(const Number& f) { return json_number(f.value); }
  static Json value_of(const Integer& f) {
    return f.value >= f.min && f.value <= f.max ? Json(f.value) : Json();
  }
  static Json value_of(const Flag& f) { return f.value; }
  static Json value_of(const Text& f) { return f.value.empty() ? Json() : Json(f.value); }
  static Json value_of(const Word& f) { return f.names[f.index]; }
  static Json value_of(const Order& f) {
    Json names = Json::array();
    for (const std::size_t index : f.indices) names.push_back(f.names[index]);
    return names;
  }
  static Json value_of(const Texts& f) { return f.values.empty() ? Json() : Json(f.values); }
  static Json value_of(const Integers& f) { return f.values.empty() ? Json() : Json(f.values); }
  static Json value_of(const WordOrIntegers& f) {
    return f.integers.values.empty() ? value_of(f.word) : value_of(f.integers);
  }

  Mapping mapping_;
};

Json mapping_json(const YamlSchema& schema);

Json key_json(const YamlSchema::Key& key) {
  Json json = key.type.is_null() ? Json::object() : key.type;
  if (!key.inner.empty()) {
    json = mapping_json(key.inner.front());
    if (key.max_count > 0) {
      json = {{"type", "array"}, {"items", std::move(json)}, {"minItems", 1}};
      if (key.max_count != YamlFields::kAnyCount) json["maxItems"] = key.max_count;
    }
  }
  if (!key.word.empty()) json = {{"anyOf", {std::move(json), {{"const", key.word}}}}};
  std::string description = key.meaning;
  if (!key.unit.empty())
    description += fmt::format("{}[{}]", description.empty() ? "" : " ", key.unit);
  if (!description.empty()) json["description"] = description;
  if (key.fallback) json["default"] = *key.fallback;
  return json;
}

/// Each variant as a whole mapping: "additionalProperties" refers to the keys beside it only.
Json variants_json(const YamlSchema& schema) {
  Json names = Json::array();
  Json rules = Json::array();
  std::string meaning;
  for (const auto& [name, variant] : schema.variants) {
    names.push_back(name);
    const Json condition = {{"properties", {{schema.selector, {{"const", name}}}}},
                            {"required", {schema.selector}}};
    rules.push_back({{"if", condition}, {"then", mapping_json(variant)}});
    for (const YamlSchema::Key& key : variant.keys)
      if (key.name == schema.selector) meaning = key.meaning;
  }
  Json selector = {{"enum", names}};
  if (!meaning.empty()) selector["description"] = meaning;
  return {{"type", "object"},
          {"properties", {{schema.selector, selector}}},
          {"required", {schema.selector}},
          {"allOf", rules}};
}

Json mapping_json(const YamlSchema& schema) {
  if (!schema.variants.empty()) return variants_json(schema);
  Json properties = Json::object();
  Json required = Json::array();
  for (const YamlSchema::Key& key : schema.keys) {
    properties[key.name] = key_json(key);
    if (key.is_required) required.push_back(key.name);
  }
  Json json = {{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) json["required"] = std::move(required);
  json["additionalProperties"] = false;
  if (!schema.preset.empty())
    json["anyOf"] = {{{"required", {schema.preset}}}, {{"required", schema.preset_keys}}};
  return json;
}

/// A row of the table.
struct KeyRow {
  std::vector<std::string> parents;  // the first word of the path; several if rows are equal
  std::string rest;                  // of the path
  std::vector<std::string> variants;
  std::string cells;  // all but the key and the variants
};

std::string default_text(const YamlSchema& schema, const YamlSchema::Key& key) {
  if (key.is_required) return "required";
  if (std::find(schema.preset_keys.begin(), schema.preset_keys.end(), key.name) !=
      schema.preset_keys.end())
    return "of the preset";
  if (key.fallback_text.empty()) return "none";
  return key.fallback ? fmt::format("`{}`", key.fallback_text) : key.fallback_text;
}

class MarkdownTable {
 public:
  /// `outer` is the variant of an outer mapping that the keys are of, if any.
  void add_mapping(const YamlSchema& schema, const std::string& path, const std::string& outer) {
    if (schema.variants.empty()) return add_keys(schema, path, outer);
    for (const auto& [name, variant] : schema.variants) add_keys(variant, path, name);
    // Keys of all variants are not marked.
    for (KeyRow& row : rows_) {
      if (row.variants.size() == schema.variants.size()) row.variants.clear();
    }
  }

  std::string text() const {
    const bool has_variants = std::any_of(rows_.begin(), rows_.end(),
                                          [](const KeyRow& row) { return !row.variants.empty(); });
    std::string text = has_variants ? "| key | only of | unit | values | default | meaning |\n"
                                      "|---|---|---|---|---|---|\n"
                                    : "| key | unit | values | default | meaning |\n"
                                      "|---|---|---|---|---|\n";
    for (const KeyRow& row : rows_) {
      text += fmt::format("| {} |", key_text(row));
      if (has_variants) {
        text +=
            row.variants.empty() ? " |" : fmt::format(" `{}` |", fmt::join(row.variants, "`, `"));
      }
      text += row.cells + "\n";
    }
    return text;
  }

 private:
  void add_keys(const YamlSchema& schema, const std::string& path, const std::string& variant) {
    for (const YamlSchema::Key& key : schema.keys) {
      const std::string whole = path + key.name;
      const bool is_sequence = key.max_count > 0;
      if (key.inner.empty() || !key.meaning.empty() || is_sequence || !key.word.empty()) {
        std::string range = key.range;
        if (is_sequence) {
          range = key.max_count == YamlFields::kAnyCount
                      ? "one or more mappings"
                      : fmt::format("1..{} mappings", key.max_count);
        } else if (!key.inner.empty()) {
          range = "mapping";
        }
        if (!key.word.empty()) range += fmt::format(", `{}`", key.word);
        add_row(whole, variant,
                fmt::format(" {} | {} | {} | {} |", key.unit, range, default_text(schema, key),
                            key.meaning));
      }
      if (key.inner.empty()) continue;
      const YamlSchema& inner = key.inner.front();
      add_mapping(inner, whole + (is_sequence ? "[]." : "."), variant);
    }
  }

  void add_row(const std::string& path, const std::string& variant, const std::string& cells) {
    const std::size_t dot = path.find('.');
    const std::string parent = dot == std::string::npos ? "" : path.substr(0, dot);
    const std::string rest = dot == std::string::npos ? path : path.substr(dot + 1);
    for (KeyRow& row : rows_) {
      if (row.rest != rest || row.cells != cells || row.parents.front().empty() != parent.empty())
        continue;
      if (row.parents.back() != parent) row.parents.push_back(parent);
      if (!variant.empty()) row.variants.push_back(variant);
      return;
    }
    rows_.push_back({{parent}, rest, {}, cells});
    if (!variant.empty()) rows_.back().variants.push_back(variant);
  }

  static std::string key_text(const KeyRow& row) {
    if (row.parents.front().empty()) return fmt::format("`{}`", row.rest);
    if (row.parents.size() == 1) return fmt::format("`{}.{}`", row.parents.front(), row.rest);
    return fmt::format("`.{}` of `{}`", row.rest, fmt::join(row.parents, "`, `"));
  }

  std::vector<KeyRow> rows_;
};

}  // namespace

YamlSchema schema_of(const std::function<void(YamlFields&)>& visit) {
  SchemaBuilder builder;
  return builder.build([&] { visit(builder); });
}

std::string json_schema(const YamlSchema& schema, std::string_view title) {
  Json json = {{"$schema", "http://json-schema.org/draft-07/schema#"},
               {"title", fmt::format("Tilewake {}", title)}};
  json.update(mapping_json(schema));
  return json.dump(2) + "\n";
}

std::string schema_markdown(const YamlSchema& schema) {
  MarkdownTable table;
  table.add_mapping(schema, "", "");
  return table.text();
}

}  // namespace tilewake
