// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nas/search/run_context.hpp"
#include "nas/search/step_record.hpp"
#include "nas/space/scaling.hpp"

namespace tilewake {

/// Share of the limit that a scaled network should use.
inline constexpr double kUsedShare = 0.95;

/// A scaled network whose cost the simulator confirmed.
struct ConfirmedCandidate {
  int number = 0;  // from 1, in the order of the grid; "same network as #2" refers to it
  ScalingCandidate scaled;
  double simulated_cost = 0.0;  // 0 where it was rejected before
  std::string missed;           // why the simulator rejects it
  NetworkCosts simulated;

  bool is_rejected() const { return !scaled.rejected.empty() || !missed.empty(); }
  std::string rejected() const { return scaled.rejected.empty() ? missed : scaled.rejected; }
  std::string in_one_line(const RunContext& run) const;
  /// Latency, simulated, otherwise estimated; none where it was not estimated.
  std::optional<double> known_ms(const RunContext& run) const;
};

/// scale_to_limit up to the target, each result simulated. Where the simulated cost exceeds the
/// limit, scaling is repeated with a limit that is lower by as much.
std::vector<ConfirmedCandidate> scale_and_confirm(const RunContext& run, const Target& target,
                                                  const Architecture& architecture);

/// fill_slack up to the target, the result simulated, with a lower limit where that exceeds it.
ConfirmedCandidate fill_and_confirm(const RunContext& run, const Target& target,
                                    const Architecture& architecture);

/// Step "scale": scales the found network to the limit in several directions; the result is the
/// best of them by short training. Throws Interrupted, TargetMissed.
StepRecord scale_step(const RunContext& run, const Target& target, const StepRecord& search);

/// Step "scale" of networks of operators: single steps of width, depth or resolution, each
/// confirmed by the simulator, until none fits the limit.
StepRecord fill_step(const RunContext& run, const Target& target, const StepRecord& search);

}  // namespace tilewake
