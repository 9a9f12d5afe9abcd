// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "simulator/cli/command.hpp"
#include "simulator/common/yaml_schema.hpp"

namespace tilewake {

/// The kinds of YAML files that users write, and the function that gives the keys of each; null for
/// those of another program.
using SchemaKinds = std::vector<std::pair<std::string_view, YamlSchema (*)()>>;

/// Prints the keys of a kind of file, as JSON Schema or as a table. Passes the arguments to
/// `elsewhere` for a kind of another program.
///   @param program  as users call it: "", or "nas "
ExitCode print_schema(std::string_view program, const SchemaKinds& kinds,
                      const Arguments& arguments,
                      ExitCode (*elsewhere)(const Arguments& arguments) = nullptr);

}  // namespace tilewake
