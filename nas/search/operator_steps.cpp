// SPDX-License-Identifier: Apache-2.0
#include "nas/search/operator_steps.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "latency_model/rank_correlation.hpp"
#include "nas/common/random.hpp"
#include "nas/search/confirmed_scaling.hpp"
#include "nas/search/ranking.hpp"
#include "nas/search/steps.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kMaxDraws = 20'000;
// What else is drawn from a run's seed has other ones.
constexpr std::uint64_t kSearchDraws = 0x7273;
constexpr std::uint64_t kBaselineDraws = 0x7262;
constexpr std::uint64_t kCorrelationDraws = 0x7263;

std::vector<Path> draw(const TargetContext& context, const OperatorContext& operators, int count,
                       std::uint64_t purpose) {
  return random_feasible_paths(path_space(context, operators.space), count,
                               random_bits(context.config().seed, purpose), kMaxDraws);
}

/// Networks whose ranking costs what SPOS costs: images trained on, forward and backward, count
/// three times as much as images that are only scored on.
int num_networks(const TargetContext& context) {
  constexpr double kTrainingCost = 3.0;
  const Recipe& recipe = context.config().recipe;
  if (recipe.random_networks > 0) return recipe.random_networks;
  const auto num_train = static_cast<std::int64_t>(context.training.split.train.size());
  const auto training = [&](const PhaseRecipe& phase) {
    return kTrainingCost * static_cast<double>(num_steps_of(phase, num_train) * phase.batch_size);
  };
  const EvolutionRecipe& evolution = recipe.evolution;
  const double scoring = static_cast<double>(evolution.population) * evolution.generations *
                         static_cast<double>(images_of_a_score(context));
  const double ranking =
      training(recipe.ranking) + static_cast<double>(context.training.split.validation.size());
  return std::max(1,
                  static_cast<int>(std::lround((training(recipe.supernet) + scoring) / ranking)));
}

std::string random_fingerprint(const TargetContext& context) {
  Recipe recipe;
  recipe.supernet = context.config().recipe.supernet;
  recipe.ranking = context.config().recipe.ranking;
  recipe.evolution = context.config().recipe.evolution;
  recipe.random_networks = context.config().recipe.random_networks;
  return fingerprint_of({context.fingerprint, "random", recipe_yaml(recipe)});
}

}  // namespace

StepRecord random_search_step(const TargetContext& context, const OperatorContext& operators) {
  const std::string fingerprint = random_fingerprint(context);
  if (const auto done = context.steps.find("search", fingerprint)) return *done;
  StepRecord record;
  record.step = "search";
  record.fingerprint = fingerprint;
  const int num_wanted = num_networks(context);
  // As many again: some that keep to the target by the estimate may not on the simulator.
  const std::vector<Path> paths = draw(context, operators, 2 * num_wanted, kSearchDraws);
  double best = -1.0;
  double sum = 0.0;
  int num_ranked = 0;
  for (std::size_t i = 0; i < paths.size() && num_ranked < num_wanted; ++i) {
    Architecture architecture = architecture_of(operators.space, paths[i]);
    const SimulatedLatency simulated = simulate_within(context, to_network(architecture));
    std::string verdict = simulated.missed;
    if (verdict.empty()) {
      const Ranked ranked = rank_by_training(context, architecture);
      sum += ranked.accuracy;
      ++num_ranked;
      verdict = fmt::format("accuracy {} (+-{})", as_percent(ranked.accuracy),
                            as_percent(ranked.standard_error));
      if (ranked.accuracy > best) {
        best = ranked.accuracy;
        record.architecture = architecture;
        record.simulated_ms = simulated.ms;
      }
    }
    record.log.push_back(fmt::format("#{}: {}: {}", i + 1, in_one_line(architecture), verdict));
  }
  if (!record.architecture) {
    throw TargetMissed{context.target_ms,
                       0.0,
                       {},
                       fmt::format("no random network of the space {} keeps to {}: {} drawn do by "
                                   "the estimate, none on the simulator",
                                   operators.space.name, as_ms(context.target_ms), paths.size())};
  }
  record.architecture->name = "searched";
  record.estimated_ms = context.host().estimate(to_network(*record.architecture));
  record.validation_accuracy = best;
  record.log.push_back(
      fmt::format("best of {} random networks: {}", num_ranked, in_one_line(*record.architecture)));
  record.log.push_back(fmt::format(
      "estimated {}, simulated {}, accuracy {} after the short training, {} in the mean of all",
      as_ms(*record.estimated_ms), as_ms(*record.simulated_ms), as_percent(best),
      as_percent(sum / num_ranked)));
  context.steps.save("search", record);
  return record;
}

StepRecord random_operators_step(const TargetContext& context, const OperatorContext& operators,
                                 int index) {
  const std::string name = fmt::format("random-{}", index);
  // Some that keep to the target by the estimate may not on the simulator.
  constexpr int kSpare = 10;
  int num_found = 0;
  for (const Path& path : draw(context, operators, index + 1 + kSpare, kBaselineDraws)) {
    const ConfirmedCandidate filled =
        fill_and_confirm(context, architecture_of(operators.space, path));
    if (filled.is_rejected() || num_found++ < index) continue;
    return trained_alike(context, filled.scaled.architecture, name);
  }
  StepRecord none;
  none.step = name;
  none.log.push_back(fmt::format("none: {} random networks of the space were found that keep to {}",
                                 num_found, as_ms(context.target_ms)));
  return none;
}

StepRecord correlation_step(const TargetContext& context, const OperatorContext& operators) {
  const int count = context.config().num_correlated;
  const std::string fingerprint =
      fingerprint_of({random_fingerprint(context), recipe_yaml(context.config().recipe),
                      fmt::format("correlation {}", count)});
  if (const auto done = context.steps.find("correlation", fingerprint)) return *done;
  PathSupernet supernet(operators.space);
  load_phase_module(supernet_checkpoint(context), *supernet);
  supernet->to(context.config().device);
  StepRecord record;
  record.step = "correlation";
  record.fingerprint = fingerprint;
  std::vector<double> inherited;
  std::vector<double> alone;
  for (const Path& path : draw(context, operators, count, kCorrelationDraws)) {
    const Architecture architecture = architecture_of(operators.space, path);
    inherited.push_back(inherited_accuracy(context, supernet, path, /*validation_images=*/0));
    const Ranked ranked = rank_by_training(context, architecture);
    alone.push_back(ranked.accuracy);
    record.log.push_back(fmt::format("{}: {} inherited, {} (+-{}) alone", in_one_line(architecture),
                                     as_percent(inherited.back()), as_percent(ranked.accuracy),
                                     as_percent(ranked.standard_error)));
    context.host().log(fmt::format("correlation {} of {}: {} inherited, {} alone", alone.size(),
                                   count, as_percent(inherited.back()), as_percent(alone.back())));
  }
  if (alone.size() < 2) {
    record.log.push_back(
        fmt::format("none: {} of {} networks drawn keep to the target", alone.size(), count));
    return record;
  }
  record.values = {kendall_tau(inherited, alone)};
  for (std::size_t i = 0; i < alone.size(); ++i) {
    record.values.push_back(inherited[i]);
    record.values.push_back(alone[i]);
  }
  record.log.push_back(
      fmt::format("Kendall's tau {:.3f} over {} networks: accuracy with the supernet's weights "
                  "against {:.3g} epochs alone",
                  record.values[0], alone.size(), context.config().recipe.ranking.epochs));
  context.steps.save("correlation", record);
  return record;
}

}  // namespace tilewake
