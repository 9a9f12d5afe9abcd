// SPDX-License-Identifier: Apache-2.0
#include "nas/search/scale_step.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "nas/search/ranking.hpp"
#include "nas/search/step_settings.hpp"

namespace tilewake {
namespace {

constexpr int kMaxTightenings = 4;
constexpr double kMargin = 1e-4;  // of the limit, below what the simulator allows

ScalingLimits limits_of(const RunContext& run, double latency_ms) {
  ScalingLimits limits;
  limits.latency_ms = latency_ms;
  limits.max_params = run.space.max_params;
  limits.width_divisor = run.space.width_divisor;
  return limits;
}

/// Simulates the scaled network; sets `missed` if it exceeds the limit or does not fit.
void confirm(const RunContext& run, const Target& target, ConfirmedCandidate& candidate) {
  SimulatedLatency simulated =
      simulate_within(run, target, to_network(candidate.scaled.architecture));
  candidate.simulated_ms = simulated.ms;
  candidate.missed = std::move(simulated.missed);
}

std::size_t num_blocks(const Architecture& architecture) {
  std::size_t count = 0;
  for (const ArchitectureStage& stage : architecture.stages) count += stage.blocks.size();
  return count;
}

/// Which candidates are trained: those within the limit that use most of it. Where they are more
/// than `max_ranked`, evenly many from the deepest to the widest. Size is no criterion: at equal
/// latency, log MACs + log parameters is anti-correlated with accuracy (docs/validation.md).
std::vector<std::size_t> to_train(const std::vector<ConfirmedCandidate>& candidates,
                                  double limit_ms, int max_ranked) {
  std::vector<std::size_t> within;
  for (const double used : {kUsedShare * limit_ms, 0.0}) {
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (!candidates[i].is_rejected() && candidates[i].simulated_ms >= used) within.push_back(i);
    }
    if (!within.empty()) break;
  }
  std::stable_sort(within.begin(), within.end(), [&](std::size_t a, std::size_t b) {
    return num_blocks(candidates[a].scaled.architecture) >
           num_blocks(candidates[b].scaled.architecture);
  });
  const auto count = static_cast<std::size_t>(max_ranked);
  if (within.size() <= count) return within;
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < count; ++i)
    chosen.push_back(within[count == 1 ? 0 : i * (within.size() - 1) / (count - 1)]);
  return chosen;
}

/// The exception for no candidate within the limit, with the fastest network known, scaled or not.
TargetMissed missed(const Target& target, const StepRecord& search,
                    const std::vector<ConfirmedCandidate>& candidates) {
  TargetMissed missed("no scaled network keeps to the limit on the simulator", target.limit_ms,
                      *search.simulated_ms, *search.architecture);
  for (const ConfirmedCandidate& candidate : candidates) {
    const double estimated_ms = candidate.scaled.estimated_ms;  // beyond the limit: not simulated
    const double ms = estimated_ms > target.limit_ms ? estimated_ms : candidate.simulated_ms;
    if (ms <= 0.0 || ms >= missed.fastest_ms) continue;  // 0: repeated, or more than fits
    missed.fastest_ms = ms;
    missed.fastest = candidate.scaled.architecture;
  }
  return missed;
}

void scale(const RunContext& run, const Target& target, const StepRecord& search,
           StepRecord& record) {
  const std::vector<ConfirmedCandidate> candidates =
      scale_and_confirm(run, target, *search.architecture);
  const std::vector<std::size_t> trained =
      to_train(candidates, target.limit_ms, run.recipe.max_ranked);
  if (trained.empty()) throw missed(target, search, candidates);
  record.log.push_back(fmt::format(
      "{} candidates, of which {} are trained: {} rounds of successive halving, the "
      "last of {:.3g} epochs",
      candidates.size(), trained.size(), run.recipe.ranking_rounds, run.recipe.ranking.epochs));
  std::vector<Architecture> networks;
  for (const std::size_t i : trained) networks.push_back(candidates[i].scaled.architecture);
  const std::vector<HalvingResult> results = rank_by_halving(run, target, networks);
  const std::size_t best_result = best_of(results);
  const ConfirmedCandidate& best = candidates[trained[best_result]];
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const ConfirmedCandidate& candidate = candidates[i];
    const auto found = std::find(trained.begin(), trained.end(), i);
    if (found == trained.end()) {
      const bool is_slow = candidate.simulated_ms >= kUsedShare * target.limit_ms;
      const std::string verdict = !candidate.rejected().empty() ? candidate.rejected()
                                  : is_slow ? "not trained: max_ranked others are"
                                            : "not trained: leaves more of the limit unused";
      record.add_candidate(candidate.in_one_line() + ": " + verdict, Verdict::kRejected,
                           candidate.known_ms());
      continue;
    }
    const auto index = static_cast<std::size_t>(found - trained.begin());
    record.add_candidate(candidate.in_one_line() + ": " + in_one_line(results[index]),
                         index == best_result ? Verdict::kChosen : Verdict::kTrained,
                         candidate.known_ms(), results[index].ranked.accuracy);
  }
  record.architecture = best.scaled.architecture;
  record.architecture->name = "scaled";
  record.estimated_ms = best.scaled.estimated_ms;
  record.simulated_ms = best.simulated_ms;
  record.validation_accuracy = results[best_result].ranked.accuracy;
  record.values = {best.scaled.multipliers.depth, best.scaled.multipliers.width,
                   best.scaled.multipliers.resolution};
  record.log.push_back("chosen: " + in_one_line(*record.architecture));
}

void fill(const RunContext& run, const Target& target, const StepRecord& search,
          StepRecord& record) {
  record.take_result_of(search);
  record.values.clear();
  const ConfirmedCandidate filled = fill_and_confirm(run, target, *search.architecture);
  if (filled.is_rejected()) {
    record.add_candidate("not filled: " + filled.rejected(), Verdict::kRejected, filled.known_ms());
  } else {
    record.architecture = filled.scaled.architecture;
    record.estimated_ms = filled.scaled.estimated_ms;
    record.simulated_ms = filled.simulated_ms;
    for (const std::string& fill : filled.scaled.fills) record.log.push_back("filled: " + fill);
  }
  record.architecture->name = "scaled";
  record.log.push_back(fmt::format("estimated {}, simulated {}, {:.1f} % of the limit: {}",
                                   as_ms(*record.estimated_ms), as_ms(*record.simulated_ms),
                                   100.0 * *record.simulated_ms / target.limit_ms,
                                   in_one_line(*record.architecture)));
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

std::optional<double> ConfirmedCandidate::known_ms() const {
  if (simulated_ms > 0.0) return simulated_ms;
  if (scaled.estimated_ms > 0.0) return scaled.estimated_ms;
  return {};
}

std::vector<ConfirmedCandidate> scale_and_confirm(const RunContext& run, const Target& target,
                                                  const Architecture& architecture) {
  const LatencyEstimate estimate = [&](const Network& n) { return run.estimate(n); };
  std::vector<ConfirmedCandidate> confirmed;
  std::vector<bool> is_open;
  double limit_ms = target.limit_ms;
  for (int round = 0; round <= kMaxTightenings; ++round) {
    const std::vector<ScalingCandidate> candidates =
        scale_to_limit(architecture, limits_of(run, limit_ms), estimate);
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
      confirm(run, target, confirmed[i]);
      if (confirmed[i].simulated_ms <= target.limit_ms) continue;
      worst = std::max(worst, confirmed[i].simulated_ms / candidates[i].estimated_ms);
      is_open[i] = true;
    }
    if (worst == 1.0) break;
    limit_ms = target.limit_ms / worst * (1.0 - kMargin);
  }
  return confirmed;
}

ConfirmedCandidate fill_and_confirm(const RunContext& run, const Target& target,
                                    const Architecture& architecture) {
  const LatencyEstimate estimate = [&](const Network& n) { return run.estimate(n); };
  ConfirmedCandidate candidate;
  double limit_ms = target.limit_ms;
  for (int round = 0; round <= kMaxTightenings; ++round) {
    candidate = {1, fill_slack(architecture, limits_of(run, limit_ms), estimate), 0.0, ""};
    if (!candidate.scaled.rejected.empty()) break;
    confirm(run, target, candidate);
    if (candidate.simulated_ms <= target.limit_ms) break;
    limit_ms =
        target.limit_ms * candidate.scaled.estimated_ms / candidate.simulated_ms * (1.0 - kMargin);
  }
  return candidate;
}

StepRecord scale_step(const RunContext& run, const Target& target, const StepRecord& search) {
  return do_once(target.directory, "scale", step_settings(run, target, "scale", search.fingerprint),
                 [&](StepRecord& record) { scale(run, target, search, record); });
}

StepRecord fill_step(const RunContext& run, const Target& target, const StepRecord& search) {
  return do_once(target.directory, "scale", step_settings(run, target, "fill", search.fingerprint),
                 [&](StepRecord& record) { fill(run, target, search, record); });
}

}  // namespace tilewake
