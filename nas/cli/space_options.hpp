// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "simulator/cli/command.hpp"

namespace tilewake {

/// The command line of `tilewake nas space`.
struct SpaceOptions {
  std::string hardware;  // "midap,dsp_like"
  std::string targets;
  std::string space = "operators_fashion";
  std::string profile = "model";
  std::string out;
  std::string format = "table";
  std::int64_t keep = 4;
  double rho = 1.5;
  std::int64_t seed = 1;
  bool force = false;
  bool verbose = false;
  bool quiet = false;

  std::vector<std::string> machines;  // of `hardware`
  std::vector<double> targets_ms;     // one a machine
};

/// Fills `options`. Returns false if help was asked for; throws UsageError.
bool parse_space_options(const Arguments& arguments, SpaceOptions& options);

}  // namespace tilewake
