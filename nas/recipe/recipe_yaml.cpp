// SPDX-License-Identifier: Apache-2.0
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "nas/recipe/recipe.hpp"
#include "nas/recipe/recipe_fields.hpp"
#include "simulator/common/regular_file.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/common/yaml_reader.hpp"

namespace tilewake {
namespace {

/// "above 0 and below 1", "at least 0", ...
std::string text_of(const NumberRange& range) {
  std::string text = fmt::format("{} {}", range.without_min ? "above" : "at least", range.min);
  if (range.max < NumberRange{}.max) {
    text += fmt::format(" and {} {}", range.without_max ? "below" : "at most", range.max);
  }
  return text;
}

/// Updates the values given in a file and leaves the others unchanged.
class FieldReader {
 public:
  explicit FieldReader(YamlReader& yaml) : yaml_(yaml) {}

  void number(const std::string& key, double& value, const NumberRange& range) {
    value = yaml_.optional<double>(key, value);
    const bool above_min = range.without_min ? value > range.min : value >= range.min;
    const bool below_max = range.without_max ? value < range.max : value <= range.max;
    if (!above_min || !below_max) {
      yaml_.fail(key, fmt::format("must be {}, not {}", text_of(range), value));
    }
  }
  template <typename T>
  void integer(const std::string& key, T& value, std::int64_t min, std::int64_t max) {
    value = static_cast<T>(yaml_.integer(key, min, max, value));
  }
  void flag(const std::string& key, bool& value) { value = yaml_.optional<bool>(key, value); }
  void text(const std::string& key, std::string& value) {
    value = yaml_.optional<std::string>(key, value);
  }
  template <typename E, typename Names>
  void word(const std::string& key, E& value, const Names& names) {
    value = yaml_.choice(key, names, value);
  }
  template <typename Visit>
  void section(const std::string& key, Visit visit) {
    if (!yaml_.has(key)) {
      yaml_.optional<std::string>(key, "");  // so that finish() lists it with the known keys
      return;
    }
    YamlReader yaml = yaml_.section(key);
    FieldReader reader(yaml);
    visit(reader);
    yaml.finish();
  }

 private:
  YamlReader& yaml_;
};

void read_fields(YamlReader& yaml, Recipe& recipe) {
  FieldReader reader(yaml);
  RecipeFields<FieldReader>::visit(reader, recipe);
  yaml.finish();
}

/// Checks rules between values.
void check_together(const Recipe& recipe, const std::string& where) {
  const auto check_phase = [&](const char* phase, const PhaseRecipe& p) {
    if (p.max_images != 0 && p.max_images < p.batch_size) {
      throw InputError(
          fmt::format("{}: {}.max_images: must be 0 (all) or at least the batch_size of {}, not {}",
                      where, phase, p.batch_size, p.max_images));
    }
  };
  check_phase("supergraph", recipe.supergraph);
  check_phase("search", recipe.search);
  check_phase("ranking", recipe.ranking);
  check_phase("supernet", recipe.supernet);
  check_phase("train", recipe.train);
}

/// `text` in double quotes, so that no value is taken for anything but text. Source: YAML 1.2.2,
/// sections 5.7 and 7.3.1.
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

/// All values of a recipe as text; doubles as the shortest text that reads back the same.
struct RecipeText {
  std::string yaml;
  std::map<std::string, std::string> values;  // by path: "train.epochs"
};

/// Appends each value to a RecipeText.
class FieldWriter {
 public:
  explicit FieldWriter(RecipeText& text, std::string indent = "", std::string path = "")
      : text_(text), indent_(std::move(indent)), path_(std::move(path)) {}

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
    text_.yaml += fmt::format("{}{}:\n", indent_, key);
    FieldWriter writer(text_, indent_ + "  ", fmt::format("{}{}.", path_, key));
    visit(writer);
  }

 private:
  void line(std::string_view key, std::string_view value) {
    text_.yaml += fmt::format("{}{}: {}\n", indent_, key, value);
    text_.values[fmt::format("{}{}", path_, key)] = value;
  }

  RecipeText& text_;
  std::string indent_;
  std::string path_;
};

RecipeText text_of(Recipe recipe) {  // a copy: the list of fields is for readers, too
  RecipeText text;
  FieldWriter writer(text);
  RecipeFields<FieldWriter>::visit(writer, recipe);
  return text;
}

}  // namespace

Recipe read_recipe(const std::string& path, const std::vector<YamlOverride>& overrides) {
  return read_recipe_text(read_text_file(path), path, overrides);
}

Recipe read_recipe_text(const std::string& text, const std::string& name,
                        const std::vector<YamlOverride>& overrides) {
  Recipe recipe;
  YamlReader yaml = YamlReader::from_text(text, name, overrides);
  yaml.check(!yaml.required<std::string>("name").empty(), "name", "must not be empty");
  read_fields(yaml, recipe);
  check_together(recipe, name);
  return recipe;
}

std::string recipe_yaml(const Recipe& recipe) {
  return "# tilewake recipe: all values, defaults included\n" + text_of(recipe).yaml;
}

std::map<std::string, std::string> recipe_values(const Recipe& recipe) {
  return text_of(recipe).values;
}

}  // namespace tilewake
