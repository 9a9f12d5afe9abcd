// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "nas/search/target_context.hpp"
#include "nas/space/scaling.hpp"

namespace tilewake {

/// A scaled network whose latency the simulator confirmed.
struct ConfirmedCandidate {
  int number = 0;  // from 1, in the order of the grid: what "same network as #2" refers to
  ScalingCandidate scaled;
  double simulated_ms = 0.0;  // 0 where it was rejected before
  std::string missed;         // why the simulator rejects it

  bool is_rejected() const { return !scaled.rejected.empty() || !missed.empty(); }
  std::string rejected() const { return scaled.rejected.empty() ? missed : scaled.rejected; }
  std::string in_one_line() const;
};

/// scale_to_limit towards the context's target, each result simulated. Where the simulator says
/// more than the limit, scaling is repeated with a limit lowered by as much.
std::vector<ConfirmedCandidate> scale_and_confirm(const TargetContext& context,
                                                  const Architecture& architecture);

/// fill_slack up to the context's target, the result simulated, with a limit lowered where the
/// simulator says more than the target.
ConfirmedCandidate fill_and_confirm(const TargetContext& context, const Architecture& architecture);

}  // namespace tilewake
