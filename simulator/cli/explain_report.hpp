// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "simulator/api/inputs.hpp"
#include "simulator/explore/explanation.hpp"

namespace tilewake {

/// What `tilewake explain` prints and writes.
struct ExplainReport {
  const Machine& machine;
  const std::vector<Workload>& workloads;
  const Explanation& explanation;
};

/// For people: where the time goes, the best changes in words, tables.
std::string explain_table(const ExplainReport& report);

/// A row per simulation: the machine, upper bounds of a resource, changes; their figures, and these
/// in relation to the machine.
std::string explain_csv(const ExplainReport& report);

/// The same, and for each network its roofline and its layers by resource.
std::string explain_json(const ExplainReport& report);

}  // namespace tilewake
