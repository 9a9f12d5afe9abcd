// SPDX-License-Identifier: Apache-2.0
#include <string_view>

#include <fmt/format.h>

#include "nas/recipe/recipe.hpp"
#include "nas/recipe/recipe_fields.hpp"

namespace tilewake {
namespace {

/// `text` in double quotes, so that YAML always reads it as text. Source: YAML 1.2.2, sections 5.7
/// and 7.3.1.
std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      result += fmt::format("\\x{:02x}", byte);
      continue;
    }
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

/// Appends each value as a line; doubles as the shortest text that round-trips.
class FieldWriter {
 public:
  explicit FieldWriter(std::string& text, std::string indent = "")
      : text_(text), indent_(std::move(indent)) {}

  void number(std::string_view key, double value, const NumberRange&) {
    line(key, fmt::format("{}", value));
  }
  void integer(std::string_view key, std::int64_t value, std::int64_t, std::int64_t) {
    line(key, fmt::format("{}", value));
  }
  void flag(std::string_view key, bool value) { line(key, value ? "true" : "false"); }
  void text(std::string_view key, const std::string& value) { line(key, quoted(value)); }
  template <typename E, typename Names>
  void word(std::string_view key, E value, const Names& names) {
    for (const auto& [name, named] : names) {
      if (named == value) line(key, name);
    }
  }
  template <typename Visit>
  void section(std::string_view key, Visit visit) {
    text_ += fmt::format("{}{}:\n", indent_, key);
    FieldWriter writer(text_, indent_ + "  ");
    visit(writer);
  }

 private:
  void line(std::string_view key, std::string_view value) {
    text_ += fmt::format("{}{}: {}\n", indent_, key, value);
  }

  std::string& text_;
  std::string indent_;
};

}  // namespace

std::string recipe_yaml(const Recipe& recipe) {
  std::string text = "# tilewake recipe: all values, defaults included\n";
  FieldWriter writer(text);
  Recipe values = recipe;  // a copy: the field list needs non-const values
  RecipeFields<FieldWriter>::visit(writer, values);
  return text;
}

}  // namespace tilewake
