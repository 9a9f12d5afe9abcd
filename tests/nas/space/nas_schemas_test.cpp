// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "nas/recipe/recipe_fields.hpp"
#include "nas/space/operator_space.hpp"
#include "nas/space/search_space.hpp"
#include "nas/space/space_schemas.hpp"
#include "tests/nas/space/spaces.hpp"
#include "tests/support/schema_law.hpp"
#include "tests/support/source_files.hpp"

namespace tilewake {
namespace {

TEST(NasSchemasTest, OfRecipesAgreesWithTheReader) {
  const auto read = [](const std::string& text, const std::string& name) {
    read_recipe_text(text, name);
  };
  for (const auto& file : yaml_files_in("nas/recipes")) {
    SCOPED_TRACE(file);
    expect_schema_agrees(recipe_schema(), read_file(file), /*seed=*/1, /*num_mutants=*/150, read);
    expect_schema_agrees(recipe_schema(), recipe_yaml(read_recipe(file)), /*seed=*/2,
                         /*num_mutants=*/50, read);
  }
}

TEST(NasSchemasTest, OfSpacesAgreesWithTheReader) {
  for (const auto& file : space_files(/*of_operators=*/false)) {
    SCOPED_TRACE(file);
    expect_schema_agrees(search_space_schema(), read_file(file), /*seed=*/3, /*num_mutants=*/150,
                         [](const std::string& text, const std::string& name) {
                           read_search_space_for(kSomeData, text, name);
                         });
  }
}

TEST(NasSchemasTest, OfOperatorSpacesAgreesWithTheReader) {
  const auto read = [](const std::string& text, const std::string& name) {
    read_operator_space_for(kSomeData, text, name);
  };
  for (const auto& file : space_files(/*of_operators=*/true)) {
    SCOPED_TRACE(file);
    expect_schema_agrees(operator_space_schema(), read_file(file), /*seed=*/4, /*num_mutants=*/100,
                         read);
    const OperatorSpace space = read_operator_space_for(kSomeData, read_file(file), "s.yaml");
    expect_schema_agrees(operator_space_schema(), operator_space_yaml(space), /*seed=*/5,
                         /*num_mutants=*/50, read);
  }
}

}  // namespace
}  // namespace tilewake
