// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <string_view>

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

/// Checks constraints between values. `where` is the file; an override may also be the cause.
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

/// Converts "a.b=3" to the file `a:\n  b: 3`.
std::string yaml_of_override(const std::string& override, const std::string& name) {
  const std::size_t equals = override.find('=');
  const std::size_t key_end = override.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.");
  if (equals == 0 || equals == std::string::npos || key_end != equals) {
    throw InputError(name + ": must be key=value, for example search.epochs=3");
  }
  if (override.find_first_of("\r\n") != std::string::npos) {
    throw InputError(name + ": must be one line");
  }
  std::string text;
  std::string indent;
  std::string_view rest = std::string_view(override).substr(0, equals);
  while (true) {
    const std::size_t dot = rest.find('.');
    text += fmt::format("{}{}:", indent, rest.substr(0, dot));
    if (dot == std::string_view::npos) break;
    text += '\n';
    indent += "  ";
    rest.remove_prefix(dot + 1);
  }
  return text + " " + override.substr(equals + 1) + "\n";
}

/// Removes the line number from errors in the generated file of an override.
std::string without_line(const std::string& error, const std::string& name) {
  const std::string begin = name + ":";
  if (error.compare(0, begin.size(), begin) != 0) return error;
  const std::size_t digits_end = error.find_first_not_of("0123456789", begin.size());
  if (digits_end == begin.size() || digits_end == std::string::npos) return error;
  return name + error.substr(digits_end);
}

void apply_override(const std::string& override, Recipe& recipe) {
  const std::string name = fmt::format("override '{}'", printable(override));
  const std::string text = yaml_of_override(override, name);
  try {
    YamlReader yaml = YamlReader::from_text(text, name);
    read_fields(yaml, recipe);
  } catch (const InputError& e) {
    throw InputError(without_line(e.what(), name));
  }
}

}  // namespace

Recipe read_recipe(const std::string& path, const std::vector<std::string>& overrides) {
  return read_recipe_text(read_text_file(path), path, overrides);
}

Recipe read_recipe_text(const std::string& text, const std::string& name,
                        const std::vector<std::string>& overrides) {
  Recipe recipe;
  YamlReader yaml = YamlReader::from_text(text, name);
  yaml.check(!yaml.required<std::string>("name").empty(), "name", "must not be empty");
  read_fields(yaml, recipe);
  for (const std::string& override : overrides) apply_override(override, recipe);
  check_together(recipe, name);
  return recipe;
}

}  // namespace tilewake
