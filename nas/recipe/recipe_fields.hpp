// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nas/recipe/recipe.hpp"
#include "simulator/common/yaml_schema.hpp"

namespace tilewake {

/// Every key of a recipe file, in the order of writing; all but `name` may be missing.
void visit_fields(YamlFields& fields, Recipe& recipe);

/// The keys of recipe files.
YamlSchema recipe_schema();

}  // namespace tilewake
