// SPDX-License-Identifier: Apache-2.0
#include "nas/search/scale_step.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "nas/search/measured.hpp"
#include "nas/search/ranking.hpp"
#include "nas/search/step_settings.hpp"

namespace tilewake {
namespace {

constexpr int kMaxTightenings = 4;
constexpr double kMargin = 1e-4;  // of the limit, below what the simulator allows

ScalingLimits limits_of(const RunContext& run, double cost) {
  ScalingLimits limits;
  limits.latency_ms = cost;
  limits.as_text = [&run](double value) { return as_cost(run, value); };
  limits.exceeds = [&run](const Network& network) { return run.exceeds_memory(network); };
  limits.max_params = run.space.max_params;
  limits.width_divisor = run.space.width_divisor;
  return limits;
}

/// The limits, where they are more than one of latency.
void log_limits(const RunContext& run, const Target& target, StepRecord& record) {
  if (run.cost_unit() == CostUnit::kMs && run.max_chip_bytes == 0 && run.max_dram_bytes == 0)
    return;
  record.log.push_back("limits: " + as_limit(run, target));
}

/// Simulates the scaled network; sets `missed` if it exceeds the limit or does not fit.
void confirm(const RunContext& run, const Target& target, ConfirmedCandidate& candidate) {
  SimulatedCost simulated = simulate_within(run, target, to_network(candidate.scaled.architecture));
  candidate.simulated_cost = simulated.cost;
  candidate.simulated = simulated.costs;
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
std::vector<std::size_t> to_train(const std::vector<ConfirmedCandidate>& candidates, double limit,
                                  int max_ranked) {
  std::vector<std::size_t> within;
  for (const double used : {kUsedShare * limit, 0.0}) {
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (!candidates[i].is_rejected() && candidates[i].simulated_cost >= used) within.push_back(i);
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
TargetMissed missed(const RunContext& run, const Target& target, const StepRecord& search,
                    const std::vector<ConfirmedCandidate>& candidates) {
  const Network searched = to_network(*search.architecture);
  double least = run.cost_of(run.simulate(searched), num_trained_params(searched));
  Architecture fastest = *search.architecture;
  for (const ConfirmedCandidate& candidate : candidates) {
    const double estimated = candidate.scaled.estimated_ms;  // beyond the limit: not simulated
    const double cost = estimated > target.limit ? estimated : candidate.simulated_cost;
    if (cost <= 0.0 || cost >= least) continue;  // 0: repeated, or more than fits
    least = cost;
    fastest = candidate.scaled.architecture;
  }
  return target_missed(run, target, "no scaled network keeps to the limit on the simulator", least,
                       std::move(fastest));
}

void scale(const RunContext& run, const Target& target, const StepRecord& search,
           StepRecord& record) {
  log_limits(run, target, record);
  const std::vector<ConfirmedCandidate> candidates =
      scale_and_confirm(run, target, *search.architecture);
  const std::vector<std::size_t> trained =
      to_train(candidates, target.limit, run.recipe.max_ranked);
  if (trained.empty()) throw missed(run, target, search, candidates);
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
      const bool is_slow = candidate.simulated_cost >= kUsedShare * target.limit;
      const std::string verdict = !candidate.rejected().empty() ? candidate.rejected()
                                  : is_slow ? "not trained: max_ranked others are"
                                            : "not trained: leaves more of the limit unused";
      record.add_candidate(candidate.in_one_line(run) + ": " + verdict, Verdict::kRejected,
                           candidate.known_ms(run));
      continue;
    }
    const auto index = static_cast<std::size_t>(found - trained.begin());
    record.add_candidate(candidate.in_one_line(run) + ": " + in_one_line(results[index]),
                         index == best_result ? Verdict::kChosen : Verdict::kTrained,
                         candidate.known_ms(run), results[index].ranked.accuracy);
  }
  record.architecture = best.scaled.architecture;
  record.architecture->name = "scaled";
  measure(run, record);
  record.validation_accuracy = results[best_result].ranked.accuracy;
  record.values = {best.scaled.multipliers.depth, best.scaled.multipliers.width,
                   best.scaled.multipliers.resolution};
  record.log.push_back("chosen: " + in_one_line(*record.architecture));
}

void fill(const RunContext& run, const Target& target, const StepRecord& search,
          StepRecord& record) {
  record.take_result_of(search);
  record.values.clear();
  log_limits(run, target, record);
  const ConfirmedCandidate filled = fill_and_confirm(run, target, *search.architecture);
  if (filled.is_rejected()) {
    record.add_candidate("not filled: " + filled.rejected(), Verdict::kRejected,
                         filled.known_ms(run));
  } else {
    record.architecture = filled.scaled.architecture;
    measure(run, record);
    for (const std::string& fill : filled.scaled.fills) record.log.push_back("filled: " + fill);
  }
  record.architecture->name = "scaled";
  const double used = run.cost_of({*record.simulated_ms, record.simulated_mj.value_or(0.0), 0, 0},
                                  num_trained_params(*record.architecture)) /
                      target.limit;
  record.log.push_back(fmt::format("{}, {:.1f} % of the limit: {}", measured_text(run, record),
                                   100.0 * used, in_one_line(*record.architecture)));
}

}  // namespace

std::string ConfirmedCandidate::in_one_line(const RunContext& run) const {
  std::string text =
      fmt::format("#{}: depth x{:.3f}, width x{:.3f}, resolution x{:.3f}, phi {:+.3f}", number,
                  scaled.multipliers.depth, scaled.multipliers.width, scaled.multipliers.resolution,
                  scaled.phi);
  if (scaled.estimated_ms > 0.0) {
    text += fmt::format(", {} steps of filling, {} parameters, estimated {}", scaled.fills.size(),
                        scaled.params, as_cost(run, scaled.estimated_ms));
  }
  if (simulated_cost > 0.0) text += fmt::format(", simulated {}", as_cost(run, simulated_cost));
  return text;
}

std::optional<double> ConfirmedCandidate::known_ms(const RunContext& run) const {
  if (simulated_cost > 0.0) return simulated.ms;
  if (scaled.estimated_ms > 0.0) return run.estimate_ms(to_network(scaled.architecture));
  return {};
}

std::vector<ConfirmedCandidate> scale_and_confirm(const RunContext& run, const Target& target,
                                                  const Architecture& architecture) {
  const LatencyEstimate estimate = [&](const Network& n) { return run.estimate(n); };
  std::vector<ConfirmedCandidate> confirmed;
  std::vector<bool> is_open;
  double limit = target.limit;
  for (int round = 0; round <= kMaxTightenings; ++round) {
    const std::vector<ScalingCandidate> candidates =
        scale_to_limit(architecture, limits_of(run, limit), estimate);
    if (confirmed.empty()) {
      confirmed.resize(candidates.size());
      is_open.assign(candidates.size(), true);
    }
    double worst = 1.0;  // simulated over estimated, of those beyond the limit
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (!is_open[i]) continue;
      confirmed[i] = {static_cast<int>(i) + 1, candidates[i], 0.0, "", {}};
      is_open[i] = false;
      if (!candidates[i].rejected.empty()) continue;
      confirm(run, target, confirmed[i]);
      if (confirmed[i].simulated_cost <= target.limit) continue;
      worst = std::max(worst, confirmed[i].simulated_cost / candidates[i].estimated_ms);
      is_open[i] = true;
    }
    if (worst == 1.0) break;
    limit = target.limit / worst * (1.0 - kMargin);
  }
  return confirmed;
}

ConfirmedCandidate fill_and_confirm(const RunContext& run, const Target& target,
                                    const Architecture& architecture) {
  const LatencyEstimate estimate = [&](const Network& n) { return run.estimate(n); };
  ConfirmedCandidate candidate;
  double limit = target.limit;
  for (int round = 0; round <= kMaxTightenings; ++round) {
    candidate = {1, fill_slack(architecture, limits_of(run, limit), estimate), 0.0, "", {}};
    if (!candidate.scaled.rejected.empty()) break;
    confirm(run, target, candidate);
    if (candidate.simulated_cost <= target.limit) break;
    limit =
        target.limit * candidate.scaled.estimated_ms / candidate.simulated_cost * (1.0 - kMargin);
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
