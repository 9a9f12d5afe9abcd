// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "nas/search/confirmed_scaling.hpp"
#include "nas/search/ranking.hpp"
#include "nas/search/steps.hpp"
#include "nas/space/scaling.hpp"

namespace tilewake {
namespace {

std::string scale_fingerprint(const TargetContext& context, const StepRecord& search) {
  Recipe recipe;
  recipe.ranking = context.config().recipe.ranking;
  recipe.max_ranked = context.config().recipe.max_ranked;
  recipe.validation_share = context.config().recipe.validation_share;
  return fingerprint_of({search.fingerprint, recipe_yaml(recipe)});
}

constexpr double kUsedShare = 0.95;  // of the limit, that a candidate should use

/// What candidates are sorted out by before any is trained: among networks of one latency, the one
/// that has more multiply-accumulates and parameters makes more of the machine.
double capacity(const Architecture& architecture) {
  return std::log(static_cast<double>(to_network(architecture).num_macs())) +
         std::log(static_cast<double>(num_trained_params(architecture)));
}

/// Nothing keeps to the limit: with the fastest network known, scaled or not.
TargetMissed missed(const TargetContext& context, const StepRecord& search,
                    const std::vector<ConfirmedCandidate>& candidates) {
  TargetMissed missed{context.target_ms, *search.simulated_ms, *search.architecture,
                      "no scaled network keeps to the limit on the simulator"};
  for (const ConfirmedCandidate& candidate : candidates) {
    const double estimated_ms = candidate.scaled.estimated_ms;  // beyond the limit: not simulated
    const double ms = estimated_ms > context.target_ms ? estimated_ms : candidate.simulated_ms;
    if (ms <= 0.0 || ms >= missed.fastest_ms) continue;  // 0: repeated, or more than fits
    missed.fastest_ms = ms;
    missed.fastest = candidate.scaled.architecture;
  }
  return missed;
}

}  // namespace

StepRecord scale_step(const TargetContext& context, const StepRecord& search) {
  const std::string fingerprint = scale_fingerprint(context, search);
  if (const auto done = context.steps.find("scale", fingerprint)) return *done;
  StepRecord record;
  record.step = "scale";
  record.fingerprint = fingerprint;

  std::vector<ConfirmedCandidate> candidates = scale_and_confirm(context, *search.architecture);
  std::stable_sort(candidates.begin(), candidates.end(), [&](const auto& a, const auto& b) {
    if (a.is_rejected() != b.is_rejected()) return b.is_rejected();
    if (a.is_rejected()) return false;
    const double used = kUsedShare * context.target_ms;
    if ((a.simulated_ms < used) != (b.simulated_ms < used)) return b.simulated_ms < used;
    return capacity(a.scaled.architecture) > capacity(b.scaled.architecture);
  });
  record.log.push_back(fmt::format(
      "{} candidates; of those that use {:.0f} % of the limit, the ones with most "
      "multiply-accumulates and parameters are ranked by {:.3g} epochs of training, {} at most",
      candidates.size(), 100.0 * kUsedShare, context.config().recipe.ranking.epochs,
      context.config().recipe.max_ranked));
  const ConfirmedCandidate* best = nullptr;
  Ranked best_rank;
  int num_ranked = 0;
  for (const ConfirmedCandidate& candidate : candidates) {
    std::string verdict = candidate.rejected();
    if (verdict.empty() && num_ranked == context.config().recipe.max_ranked) {
      verdict = candidate.simulated_ms < kUsedShare * context.target_ms
                    ? "not trained: leaves more of the limit unused"
                    : "not trained: fewer multiply-accumulates and parameters";
    } else if (verdict.empty()) {
      ++num_ranked;
      const Ranked rank = rank_by_training(context, candidate.scaled.architecture);
      verdict = fmt::format("accuracy {} (+-{})", as_percent(rank.accuracy),
                            as_percent(rank.standard_error));
      if (best == nullptr || rank.accuracy > best_rank.accuracy) {
        best = &candidate;
        best_rank = rank;
      }
    }
    record.log.push_back(candidate.in_one_line() + ": " + verdict);
  }
  if (best == nullptr) throw missed(context, search, candidates);
  record.architecture = best->scaled.architecture;
  record.architecture->name = "scaled";
  record.estimated_ms = best->scaled.estimated_ms;
  record.simulated_ms = best->simulated_ms;
  record.validation_accuracy = best_rank.accuracy;
  record.values = {best->scaled.multipliers.depth, best->scaled.multipliers.width,
                   best->scaled.multipliers.resolution};
  record.log.push_back("chosen: " + in_one_line(*record.architecture));
  context.steps.save("scale", record);
  return record;
}

}  // namespace tilewake
