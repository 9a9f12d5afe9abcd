// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/schema_command.hpp"

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/cli/formats.hpp"
#include "simulator/cli/options.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

using SchemaFormatter = std::string (*)(const YamlSchema& schema, std::string_view kind);

// To add a format: one line here.
constexpr std::array<std::pair<std::string_view, SchemaFormatter>, 2> kSchemaFormats = {{
    {"json", json_schema},
    {"markdown",
     [](const YamlSchema& schema, std::string_view /*kind*/) { return schema_markdown(schema); }},
}};

}  // namespace

ExitCode print_schema(std::string_view program, const SchemaKinds& kinds,
                      const Arguments& arguments, ExitCode (*elsewhere)(const Arguments&)) {
  std::vector<std::string_view> names;
  for (const auto& [name, schema] : kinds) names.push_back(name);
  const std::string command = fmt::format("{}schema", program);
  std::vector<std::string> words;
  std::string format = "json";
  Options options(
      command,
      fmt::format("{} {}\n                       [--format json|markdown]", command,
                  fmt::join(names, "|")),
      "Prints the keys of a kind of YAML file with types, ranges, defaults, units and\n"
      "meanings: as a JSON Schema, with which editors complete and check such files, or\n"
      "as a table. Rules between several keys are not part of a schema.");
  options.words(words);
  options.optional("format", format, "FORMAT", "what is printed: " + format_names(kSchemaFormats));
  if (!options.parse(arguments)) return ExitCode::kOk;
  if (words.size() != 1) {
    throw UsageError(fmt::format("schema: needs one kind of file: {}", fmt::join(names, ", ")));
  }
  const SchemaFormatter formatter = formatter_of(kSchemaFormats, format);
  const auto schema = value_of_word("schema: the kind of file", kinds, words.front());
  if (schema == nullptr) return elsewhere(arguments);
  write_result(formatter(schema(), words.front()));
  return ExitCode::kOk;
}

}  // namespace tilewake
