// SPDX-License-Identifier: Apache-2.0
#include "nas/cli/nas_command.hpp"
#include "nas/recipe/recipe_fields.hpp"
#include "nas/space/space_schemas.hpp"
#include "simulator/cli/schema_command.hpp"

namespace tilewake {

ExitCode nas_schema_command(const Arguments& arguments) {
  static const SchemaKinds kinds = {{"recipe", recipe_schema},
                                    {"space", search_space_schema},
                                    {"operator_space", operator_space_schema}};
  return print_schema("nas ", kinds, arguments);
}

}  // namespace tilewake
