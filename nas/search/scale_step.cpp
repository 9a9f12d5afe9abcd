// SPDX-License-Identifier: Apache-2.0
#include "nas/search/scale_step.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "nas/search/network_training.hpp"
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

constexpr double kUsedShare = 0.95;  // of the limit, that a candidate should use

/// Orders candidates before any is trained: among networks of one latency, the one with more
/// multiply-accumulates and parameters uses the machine better.
double capacity(const Architecture& architecture) {
  return std::log(static_cast<double>(to_network(architecture).num_macs())) +
         std::log(static_cast<double>(num_trained_params(architecture)));
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
  std::vector<ConfirmedCandidate> candidates = scale_and_confirm(run, target, *search.architecture);
  std::stable_sort(candidates.begin(), candidates.end(), [&](const auto& a, const auto& b) {
    if (a.is_rejected() != b.is_rejected()) return b.is_rejected();
    if (a.is_rejected()) return false;
    const double used = kUsedShare * target.limit_ms;
    if ((a.simulated_ms < used) != (b.simulated_ms < used)) return b.simulated_ms < used;
    return capacity(a.scaled.architecture) > capacity(b.scaled.architecture);
  });
  record.log.push_back(fmt::format(
      "{} candidates; of those that use {:.0f} % of the limit, the ones with most "
      "multiply-accumulates and parameters are ranked by {:.3g} epochs of training, {} at most",
      candidates.size(), 100.0 * kUsedShare, run.recipe.ranking.epochs, run.recipe.max_ranked));
  const ConfirmedCandidate* best = nullptr;
  Ranked best_rank;
  std::size_t best_index = 0;  // in the record
  int num_ranked = 0;
  for (const ConfirmedCandidate& candidate : candidates) {
    std::string verdict = candidate.rejected();
    std::optional<double> accuracy;
    if (verdict.empty() && num_ranked == run.recipe.max_ranked) {
      verdict = candidate.simulated_ms < kUsedShare * target.limit_ms
                    ? "not trained: leaves more of the limit unused"
                    : "not trained: fewer multiply-accumulates and parameters";
    } else if (verdict.empty()) {
      ++num_ranked;
      const Ranked rank = rank_by_training(run, target, candidate.scaled.architecture);
      verdict = fmt::format("accuracy {} (+-{})", as_percent(rank.accuracy),
                            as_percent(rank.standard_error));
      accuracy = rank.accuracy;
      if (best == nullptr || rank.accuracy > best_rank.accuracy) {
        best = &candidate;
        best_rank = rank;
        best_index = record.candidates.size();
      }
    }
    record.add_candidate(candidate.in_one_line() + ": " + verdict,
                         accuracy ? Verdict::kTrained : Verdict::kRejected, candidate.known_ms(),
                         accuracy);
  }
  if (best == nullptr) throw missed(target, search, candidates);
  record.candidates[best_index].verdict = Verdict::kChosen;
  record.architecture = best->scaled.architecture;
  record.architecture->name = "scaled";
  record.estimated_ms = best->scaled.estimated_ms;
  record.simulated_ms = best->simulated_ms;
  record.validation_accuracy = best_rank.accuracy;
  record.values = {best->scaled.multipliers.depth, best->scaled.multipliers.width,
                   best->scaled.multipliers.resolution};
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
