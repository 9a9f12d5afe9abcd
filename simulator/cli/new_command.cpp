// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "simulator/api/inputs.hpp"
#include "simulator/cli/command.hpp"
#include "simulator/cli/formats.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/options.hpp"
#include "simulator/cli/output_place.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/text_table.hpp"
#include "simulator/hardware/machine_schema.hpp"

namespace tilewake {
namespace {

/// The shipped machine with whose values a new one of each kind begins.
// To add a core kind: one line here.
constexpr std::array<std::pair<std::string_view, std::string_view>, kCoreKinds.size()> kModels = {{
    {"midap", "midap"},
    {"systolic", "edge_systolic_32"},
    {"vector", "dsp_like"},
}};

std::string new_machine(const std::string& kind) {
  const std::string model(value_of_word("--kind", kModels, kind));
  HardwareConfig config = read_machine(model).config;
  config.name = "my_" + kind;
  const std::string header = fmt::format(
      "A machine of kind {}, with the values of {}. Units and valid values are in the comments. "
      "`tilewake check --hw FILE` validates the file. The rules between several keys and the other "
      "kinds are in hw_configs/README.md.",
      kind, model);
  return wrapped(header, "# ", kUsualColumns) + machine_template(config);
}

}  // namespace

ExitCode new_command(const Arguments& arguments) {
  std::vector<std::string> words;
  std::string kind;
  std::string out;
  bool force = false;
  bool quiet = false;
  Options options(
      "new", "new machine --kind midap|systolic|vector [--out FILE [--force]] [-q]",
      "Writes the file of a machine to begin with: every key with its unit, valid\n"
      "values and meaning as comments, and the values of a shipped machine. Prints it,\n"
      "or writes FILE.");
  options.words(words);
  options.required("kind", kind, "KIND", "core: " + format_names(kModels));
  options.optional("out", out, "FILE", "file that is written instead");
  options.flag("force", force, "replace FILE");
  options.flag("quiet,q", quiet, "suppress messages");
  if (!options.parse(arguments)) return ExitCode::kOk;
  set_log_level(/*verbose=*/false, quiet);
  if (words != std::vector<std::string>{"machine"}) {
    throw UsageError("new: what is written must be 'machine' (see 'tilewake new --help')");
  }
  if (out.empty() && force) throw UsageError("--force needs --out FILE");
  const std::string text = new_machine(kind);
  if (out.empty()) {
    write_result(text);
  } else {
    check_output_file(out, force);
    write_output_file(out, text);
    log().info("wrote {}", out);
  }
  return ExitCode::kOk;
}

}  // namespace tilewake
