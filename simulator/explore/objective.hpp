// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "simulator/explore/point_runner.hpp"

namespace tilewake {

/// A figure of a point that an exploration minimizes or limits. Of several networks it is the sum,
/// except for figures of the machine alone.
struct Objective {
  std::string_view name;                   // of --objective: "latency"
  std::string_view key;                    // of --limit and files: "latency_ms"
  std::string_view title;                  // of a table: "ms"
  double (*of)(const PointResult& point);  // of a point that is_ok()
  /// Of one network; null for a figure of the machine.
  double (*of_network)(const Summary& network) = nullptr;
};

/// All objectives. To add one: a line in objective.cpp.
std::span<const Objective> objectives();

/// The objective of that name or key. Throws UsageError that names `option` if there is none.
const Objective& objective_named(const std::string& name, std::string_view option);

/// An upper bound of a figure: points above it are not part of a front.
struct ObjectiveLimit {
  const Objective* objective = nullptr;
  double value = 0.0;
};

}  // namespace tilewake
