// SPDX-License-Identifier: Apache-2.0
#include "nas/search/confirmed_scaling.hpp"

#include <utility>

#include <fmt/format.h>

namespace tilewake {
namespace {

constexpr int kMaxTightenings = 4;
constexpr double kMargin = 1e-4;  // of the limit, below what the simulator allows

ScalingLimits limits_of(const TargetContext& context, double latency_ms) {
  ScalingLimits limits;
  limits.latency_ms = latency_ms;
  limits.max_params = context.config().space.max_params;
  limits.width_divisor = context.config().space.width_divisor;
  return limits;
}

/// Simulates what scaling gave; `missed` says why it is no candidate.
void confirm(const TargetContext& context, ConfirmedCandidate& candidate) {
  SimulatedLatency simulated = simulate_within(context, to_network(candidate.scaled.architecture));
  candidate.simulated_ms = simulated.ms;
  candidate.missed = std::move(simulated.missed);
}

}  // namespace

std::string ConfirmedCandidate::in_one_line() const {
  std::string text =
      fmt::format("#{}: depth x{:.3f}, width x{:.3f}, resolution x{:.3f}, phi {:+.3f}", number,
                  scaled.multipliers.depth, scaled.multipliers.width, scaled.multipliers.resolution,
                  scaled.phi);
  if (scaled.estimated_ms > 0.0) {
    text += fmt::format(", {} steps of filling, {} parameters, estimated {}", scaled.fills.size(),
                        scaled.params, as_ms(scaled.estimated_ms));
  }
  if (simulated_ms > 0.0) text += fmt::format(", simulated {}", as_ms(simulated_ms));
  return text;
}

std::vector<ConfirmedCandidate> scale_and_confirm(const TargetContext& context,
                                                  const Architecture& architecture) {
  const LatencyEstimate estimate = [&](const Network& n) { return context.host().estimate(n); };
  std::vector<ConfirmedCandidate> confirmed;
  std::vector<bool> is_open;
  double limit_ms = context.target_ms;
  for (int round = 0; round <= kMaxTightenings; ++round) {
    const std::vector<ScalingCandidate> candidates =
        scale_to_limit(architecture, limits_of(context, limit_ms), estimate);
    if (confirmed.empty()) {
      confirmed.resize(candidates.size());
      is_open.assign(candidates.size(), true);
    }
    double worst = 1.0;  // simulated over estimated, of those beyond the limit
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (!is_open[i]) continue;
      confirmed[i] = {static_cast<int>(i) + 1, candidates[i], 0.0, ""};
      is_open[i] = false;
      if (!candidates[i].rejected.empty()) continue;
      confirm(context, confirmed[i]);
      if (confirmed[i].simulated_ms <= context.target_ms) continue;
      worst = std::max(worst, confirmed[i].simulated_ms / candidates[i].estimated_ms);
      is_open[i] = true;
    }
    if (worst == 1.0) break;
    limit_ms = context.target_ms / worst * (1.0 - kMargin);
  }
  return confirmed;
}

ConfirmedCandidate fill_and_confirm(const TargetContext& context,
                                    const Architecture& architecture) {
  const LatencyEstimate estimate = [&](const Network& n) { return context.host().estimate(n); };
  ConfirmedCandidate candidate;
  double limit_ms = context.target_ms;
  for (int round = 0; round <= kMaxTightenings; ++round) {
    candidate = {1, fill_slack(architecture, limits_of(context, limit_ms), estimate), 0.0, ""};
    if (!candidate.scaled.rejected.empty()) break;
    confirm(context, candidate);
    if (candidate.simulated_ms <= context.target_ms) break;
    limit_ms = context.target_ms * candidate.scaled.estimated_ms / candidate.simulated_ms *
               (1.0 - kMargin);
  }
  return candidate;
}

}  // namespace tilewake
