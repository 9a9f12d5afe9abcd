// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "nas/recipe/recipe.hpp"
#include "nas/recipe/recipe_fields.hpp"
#include "simulator/common/regular_file.hpp"
#include "simulator/common/yaml_reader.hpp"

namespace tilewake {
namespace {

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
  const double ratio = recipe.options.supernet_ratio;
  if (ratio > 0.0 && ratio < 1.0) {
    throw InputError(fmt::format(
        "{}: search.options.supernet_ratio: must be 0 or at least 1, not {}", where, ratio));
  }
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
  YamlFieldReader fields(yaml);
  visit_fields(fields, recipe);
  fields.finish();
  check_together(recipe, name);
  return recipe;
}

YamlSchema recipe_schema() {
  Recipe recipe;
  return schema_of([&](YamlFields& fields) { visit_fields(fields, recipe); });
}

std::string recipe_yaml(const Recipe& recipe) {
  Recipe copy = recipe;  // visitors may change it; the writer does not
  YamlFieldWriter writer;
  visit_fields(writer, copy);
  return "# tilewake recipe: all values, defaults included\n" + writer.yaml();
}

std::map<std::string, std::string> recipe_values(const Recipe& recipe) {
  Recipe copy = recipe;
  YamlFieldTable table;
  visit_fields(table, copy);
  std::map<std::string, std::string> values;
  for (const YamlFieldTable::Row& row : table.rows()) values[row.key] = row.value;
  return values;
}

}  // namespace tilewake
