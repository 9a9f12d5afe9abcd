// SPDX-License-Identifier: Apache-2.0
#include "nas/cli/space_options.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "nas/cli/nas_options.hpp"
#include "simulator/cli/options.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {

bool parse_space_options(const Arguments& arguments, SpaceOptions& values) {
  constexpr std::size_t kMaxMachines = 32;
  constexpr std::int64_t kPool = 32;
  Options options(
      "nas space",
      "nas space --hw FILE[,FILE...] --target-ms T[,T...] [--space FILE] [--profile "
      "model|simulate]\n"
      "                          [--keep N] [--rho X] [--out DIR] ...",
      "Makes a search space of operators for a machine: profiles the pool's operators at every\n"
      "position, scores them by capacity over latency, keeps the best, and shows why. Of several\n"
      "machines, how their spaces differ.");
  options.required("hw", values.hardware, "FILE[,FILE...]",
                   "machines: names in hw_configs/, or paths");
  options.required("target-ms", values.targets, "T[,T...]",
                   "latency limit in ms: one for all machines, or one for each");
  options.optional(
      "space", values.space, "FILE",
      "space of operators whose positions are filled: a name in nas/spaces/, or a path");
  options.optional("profile", values.profile, "model|simulate",
                   "where latencies come from: a latency model, calibrated now, or the simulator");
  options.integer("keep", values.keep, 1, kPool, "N", "operators kept at a position, at most");
  std::optional<double> rho = values.rho;
  options.number("rho", rho, "X", "share of a position that its most capable operator may take");
  options.integer("seed", values.seed, 0, std::numeric_limits<std::int64_t>::max(), "N",
                  "of the calibration");
  options.optional("out", values.out, "DIR",
                   "also write space.yaml and operators.csv there; of several machines, "
                   "space-NAME.yaml and operators-NAME.csv");
  options.flag("force", values.force, "replace what is in DIR");
  options.optional("format", values.format, "table|json|csv", "what is printed");
  options.flag("verbose,v", values.verbose, "tell more on standard error");
  options.flag("quiet,q", values.quiet, "suppress warnings");
  if (!options.parse(arguments)) return false;
  values.rho = rho.value_or(values.rho);
  if (!(values.rho > 0.0)) throw UsageError("option '--rho' must be above 0");
  if (values.out.empty() && values.force) throw UsageError("--force needs --out DIR");
  values.machines = words_of("--hw", values.hardware);
  if (values.machines.size() > kMaxMachines)
    throw UsageError(fmt::format("option '--hw': at most {} machines", kMaxMachines));
  values.targets_ms = numbers_of("--target-ms", values.targets);
  if (values.targets_ms.size() == 1)
    values.targets_ms.assign(values.machines.size(), values.targets_ms.front());
  if (values.targets_ms.size() != values.machines.size()) {
    throw UsageError(
        fmt::format("option '--target-ms' has {} limits for {} machines: give one, or one "
                    "for each",
                    values.targets_ms.size(), values.machines.size()));
  }
  check_word("--profile", values.profile, {"model", "simulate"});
  check_word("--format", values.format, {"table", "json", "csv"});
  return true;
}

}  // namespace tilewake
