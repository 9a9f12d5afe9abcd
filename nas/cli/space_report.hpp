// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "nas/search/run_context.hpp"
#include "nas/space/space_design.hpp"

namespace tilewake {

/// A space made for a machine, and its design.
struct MachineSpace {
  std::string machine;
  CostUnit unit = CostUnit::kMs;  // kMs or kMj: of the target and all other costs
  double target_ms = 0.0;
  OperatorSpace space;
  SpaceDesign design;
  double best_ms = 0.0;     // of the network of the best scores
  double fastest_ms = 0.0;  // of the fastest operators
};

/// Serializes it for another process of the same program, and reads it back.
std::string machine_space_text(const MachineSpace& space);
MachineSpace machine_space_of(const std::string& text);

/// The operators that each machine keeps at each position, with latency and score; for several
/// machines, how much their spaces have in common.
std::string spaces_table(const std::vector<MachineSpace>& spaces);
std::string spaces_json(const std::vector<MachineSpace>& spaces);
/// Every operator of every position, whether it was kept or not, of every machine.
std::string spaces_csv(const std::vector<MachineSpace>& spaces);

/// Operators that two spaces of the same positions share at a position, over those that either has:
/// the mean over positions, 0..1.
double share_in_common(const OperatorSpace& a, const OperatorSpace& b);

}  // namespace tilewake
