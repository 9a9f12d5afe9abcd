// SPDX-License-Identifier: Apache-2.0
#include "nas/search/random_mixconv.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "nas/common/random.hpp"
#include "nas/search/measured.hpp"
#include "nas/search/ranking.hpp"
#include "nas/search/scale_step.hpp"
#include "nas/search/step_settings.hpp"
#include "nas/search/steps.hpp"
#include "nas/space/random_architecture.hpp"
#include "nas/training/phase.hpp"
#include "simulator/common/version.hpp"

namespace tilewake {
namespace {

constexpr double kLeastDrawnShare = 0.9;  // of the limit of the search
constexpr int kMaxDraws = 20'000;         // of one network
constexpr std::uint64_t kTries = 10;      // of a network that can be scaled
// Each purpose has a separate stream of random numbers.
constexpr std::uint64_t kMixconvDraws = 0x726d73;
constexpr std::uint64_t kComparisonDraws = 0x72616e64;

/// A random network, and what it is scaled to.
struct ScaledNetwork {
  Architecture unscaled;
  ConfirmedCandidate candidate;
};

std::optional<ScaledNetwork> draw_scaled(const RunContext& run, const Target& target,
                                         std::uint64_t purpose, std::uint64_t index) {
  const LatencyEstimate estimate = [&](const Network& n) { return run.estimate(n); };
  const double limit = search_limit(run, target);
  for (std::uint64_t i = 0; i < kTries; ++i) {
    const std::uint64_t seed = random_bits(run.seed, purpose, index, i);
    std::optional<Architecture> network = random_architecture_within(
        run.space, kLeastDrawnShare * limit, limit, estimate, seed, kMaxDraws);
    if (!network) return {};
    std::vector<ConfirmedCandidate> candidates = scale_and_confirm(run, target, *network);
    candidates.erase(std::remove_if(candidates.begin(), candidates.end(),
                                    [&](const ConfirmedCandidate& candidate) {
                                      return candidate.is_rejected() ||
                                             candidate.simulated_cost < kUsedShare * target.limit;
                                    }),
                     candidates.end());
    if (candidates.empty()) continue;
    RandomStream random(random_bits(seed, fnv1a64("direction")));
    const std::size_t chosen = random.below(candidates.size());
    return ScaledNetwork{std::move(*network), std::move(candidates[chosen])};
  }
  return {};
}

/// How many networks cost what supergraph and search of S3NAS cost.
std::size_t num_mixconv_networks(const RunContext& run) {
  constexpr double kSupernetCost = 2.0;  // of an image, against one of a network
  const Recipe& recipe = run.recipe;
  if (recipe.random_networks > 0) return static_cast<std::size_t>(recipe.random_networks);
  const auto num_train = static_cast<std::int64_t>(run.split.train.size());
  const auto images = [&](const PhaseRecipe& phase) {
    return static_cast<double>(num_steps_of(phase, num_train) * phase.batch_size);
  };
  // In each round of the halving, half of the networks train twice as long.
  const double rounds = static_cast<double>(recipe.ranking_rounds);
  const double of_network = images(recipe.ranking) * rounds * std::exp2(1.0 - rounds);
  const double affordable =
      kSupernetCost * (images(recipe.supergraph) + images(recipe.search)) / of_network;
  return static_cast<std::size_t>(recipe.max_ranked) +
         static_cast<std::size_t>(std::lround(affordable));
}

void search_mixconv(const RunContext& run, const Target& target, StepRecord& record) {
  std::vector<ScaledNetwork> drawn;
  std::vector<Architecture> networks;
  const std::size_t num_wanted = num_mixconv_networks(run);
  for (std::uint64_t i = 0; i < num_wanted; ++i) {
    std::optional<ScaledNetwork> network = draw_scaled(run, target, kMixconvDraws, i);
    if (!network) break;
    networks.push_back(network->candidate.scaled.architecture);
    drawn.push_back(std::move(*network));
  }
  if (drawn.empty()) {
    throw target_missed(
        run, target,
        fmt::format("no random network of the space {} that takes {:.0f} to 100 % of {} can be "
                    "scaled to {}",
                    run.space.name, 100.0 * kLeastDrawnShare,
                    as_cost(run, search_limit(run, target)), as_limit(run, target)),
        0.0, {});
  }
  const std::vector<HalvingResult> results = rank_by_halving(run, target, networks);
  const std::size_t best = best_of(results);
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    record.add_candidate(fmt::format("{}: {}", in_one_line(networks[i]), in_one_line(results[i])),
                         i == best ? Verdict::kChosen : Verdict::kTrained,
                         drawn[i].candidate.simulated.ms, results[i].ranked.accuracy);
  }
  record.architecture = drawn[best].unscaled;
  record.architecture->name = "searched";
  measure(run, record);
  record.log.push_back(fmt::format("best of {} random networks; before scaling: {}, {}",
                                   drawn.size(), in_one_line(*record.architecture),
                                   as_ms(*record.simulated_ms)));
}

}  // namespace

StepRecord random_mixconv_step(const RunContext& run, const Target& target) {
  return do_once(target.directory, "search", step_settings(run, target, "random_mixconv"),
                 [&](StepRecord& record) { search_mixconv(run, target, record); });
}

StepRecord random_network_step(const RunContext& run, const Target& target, int index) {
  const std::string name = fmt::format("random-{}", index);
  const std::optional<ScaledNetwork> network =
      draw_scaled(run, target, kComparisonDraws, static_cast<std::uint64_t>(index));
  if (network)
    return train_for_comparison(run, target, network->candidate.scaled.architecture, name);
  StepRecord none;
  none.step = name;
  none.log.push_back(fmt::format("none: no random network of the space {} can be scaled to {}",
                                 run.space.name, as_limit(run, target)));
  return none;
}

}  // namespace tilewake
