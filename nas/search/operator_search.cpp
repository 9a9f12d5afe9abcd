// SPDX-License-Identifier: Apache-2.0
#include "nas/search/operator_search.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "latency_model/rank_correlation.hpp"
#include "nas/common/random.hpp"
#include "nas/search/guided_step.hpp"
#include "nas/search/measured.hpp"
#include "nas/search/network_training.hpp"
#include "nas/search/one_shot.hpp"
#include "nas/search/ranking.hpp"
#include "nas/search/scale_step.hpp"
#include "nas/search/step_settings.hpp"
#include "nas/search/steps.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

/// Selects the operators of every position of run.operators for the machine, where the space has
/// the whole pool.
StepRecord design_step(RunContext& run, SpaceDesign& design) {
  OperatorSpace& space = run.operators;
  StepRecord record;
  record.step = "design";
  const double target = run.limits().front();
  const SpaceRecipe& recipe = run.recipe.space;
  const bool is_given = !space.has_whole_pool();
  design = design_space(space, {target, recipe.keep, recipe.rho},
                        [&](const Network& network) { return run.estimate(network); });
  if (is_given) {
    check_all_held(design);  // all of them would be trained
    record.log.push_back("the space gives the operators of every position");
  } else {
    space = with_operators(space, design);
    record.log.push_back(fmt::format(
        "of the pool's {} operators at most {} a position and the identity: the best "
        "capacity over latency that leaves the limit reachable, the most capable that "
        "takes at most {:g} x {}, one with a residual, then by capacity over latency "
        "(operators.csv)",
        operator_pool().size(), recipe.keep, recipe.rho, as_cost(run, design.share_ms)));
  }
  for (const OperatorPosition& position : positions_of(space)) {
    std::vector<std::string> names;
    for (const Operator& op : position.operators) names.push_back(to_string(op));
    record.log.push_back(fmt::format("{}, {}x{}x{} to {} channels: {}", position.name,
                                     position.in_channels, position.height, position.width,
                                     position.out_channels, fmt::join(names, " ")));
  }
  record.log.push_back(fmt::format("10^{:.1f} networks", log10_num_networks(space)));
  write_file_atomically(run.directory + "/operators.csv",
                        space_design_csv(design, cost_column(run.cost_unit())));
  write_file_atomically(run.directory + "/space.yaml", operator_space_yaml(space));
  return record;
}

/// Throws TargetMissed or InputError, before anything is trained, for a limit that cannot be met or
/// is far beyond the networks of the space.
void check_reachable(const RunContext& run, const SpaceDesign& design) {
  const Target target = targets_of(run).front();
  // Operators are measured one by one: the network of the fastest may be a little off the fastest.
  constexpr double kTolerance = 1.05;
  const OperatorSpace& space = run.operators;
  Architecture fastest = architecture_of(space, fastest_operators(space, design));
  fastest.name = "fastest";
  const double least = run.estimate(to_network(fastest));
  if (least > kTolerance * target.limit) {
    throw target_missed(
        run, target,
        fmt::format("no network of the space {} keeps to {}", space.name, as_limit(run, target)),
        least, std::move(fastest));
  }
  check_limit(run, target.limit, "the slowest network of the space " + space.name,
              architecture_of(space, slowest_operators(space, design)));
}

constexpr std::int64_t kMaxPathDraws = 20'000;
// Each purpose has a separate stream of random numbers.
constexpr std::uint64_t kSearchDraws = 0x7273;
constexpr std::uint64_t kBaselineDraws = 0x7262;
constexpr std::uint64_t kCorrelationDraws = 0x7263;

/// Up to `count` feasible paths of different networks: paths that skip different positions of a
/// stage can be one network.
std::vector<Path> draw(const RunContext& run, const Target& target, int count,
                       std::uint64_t purpose) {
  std::vector<Path> different;
  std::set<std::string> networks;
  for (Path& path : random_feasible_paths(path_space(run, target), count,
                                          random_bits(run.seed, purpose), kMaxPathDraws)) {
    if (networks.insert(architecture_text(architecture_of(run.operators, path))).second)
      different.push_back(std::move(path));
  }
  return different;
}

/// Networks whose ranking costs what SPOS costs, unless `given` is more than 0: images trained on,
/// forward and backward, count three times as much as images that are only scored on.
int num_networks(const RunContext& run, int given) {
  constexpr double kTrainingCost = 3.0;
  const Recipe& recipe = run.recipe;
  if (given > 0) return given;
  const auto num_train = static_cast<std::int64_t>(run.split.train.size());
  const auto training = [&](const PhaseRecipe& phase) {
    return kTrainingCost * static_cast<double>(num_steps_of(phase, num_train) * phase.batch_size);
  };
  const EvolutionRecipe& evolution = recipe.evolution;
  const double scoring = static_cast<double>(evolution.population) * evolution.generations *
                         static_cast<double>(images_of_a_score(run));
  const double ranking =
      training(recipe.ranking) + static_cast<double>(run.split.validation.size());
  return std::max(1,
                  static_cast<int>(std::lround((training(recipe.supernet) + scoring) / ranking)));
}

/// Step "search" of random search: random networks of the space that keep to the target, ranked by
/// short training.
void search_randomly(const RunContext& run, const Target& target, StepRecord& record) {
  const int num_wanted = num_networks(run, run.recipe.random_networks);
  // Twice as many: some that keep to the target by the estimate exceed it on the simulator.
  const std::vector<Path> paths = draw(run, target, 2 * num_wanted, kSearchDraws);
  double best = -1.0;
  double sum = 0.0;
  std::size_t best_index = 0;  // in the record
  int num_ranked = 0;
  for (std::size_t i = 0; i < paths.size() && num_ranked < num_wanted; ++i) {
    Architecture architecture = architecture_of(run.operators, paths[i]);
    const SimulatedCost simulated = simulate_within(run, target, to_network(architecture));
    std::string verdict = simulated.missed;
    std::optional<double> accuracy;
    if (verdict.empty()) {
      const Ranked ranked = rank_by_training(run, target, architecture);
      sum += ranked.accuracy;
      ++num_ranked;
      verdict = fmt::format("accuracy {} (+-{})", as_percent(ranked.accuracy),
                            as_percent(ranked.standard_error));
      accuracy = ranked.accuracy;
      if (ranked.accuracy > best) {
        best = ranked.accuracy;
        best_index = record.candidates.size();
        record.architecture = architecture;
      }
    }
    record.add_candidate(fmt::format("#{}: {}: {}", i + 1, in_one_line(architecture), verdict),
                         accuracy ? Verdict::kTrained : Verdict::kRejected,
                         simulated.cost > 0.0 ? std::optional(simulated.costs.ms) : std::nullopt,
                         accuracy);
  }
  if (!record.architecture) {
    throw target_missed(
        run, target,
        fmt::format("no random network of the space {} keeps to {}: {} do by the estimate, none on "
                    "the simulator",
                    run.operators.name, as_limit(run, target), paths.size()),
        0.0, {});
  }
  record.candidates[best_index].verdict = Verdict::kChosen;
  record.architecture->name = "searched";
  measure(run, record);
  record.validation_accuracy = best;
  record.log.push_back(
      fmt::format("best of {} random networks: {}", num_ranked, in_one_line(*record.architecture)));
  record.log.push_back(
      fmt::format("{}, accuracy {} after the short training, {} in the mean of all",
                  measured_text(run, record), as_percent(best), as_percent(sum / num_ranked)));
}

/// Random network number `index` that keeps to the target, filled up to it and trained like the
/// winner. The record has no architecture where none is drawn.
StepRecord random_step(const RunContext& run, const Target& target, int index) {
  const std::string name = fmt::format("random-{}", index);
  // Some that keep to the target by the estimate exceed it on the simulator.
  constexpr int kSpare = 10;
  int num_found = 0;
  for (const Path& path : draw(run, target, index + 1 + kSpare, kBaselineDraws)) {
    const ConfirmedCandidate filled =
        fill_and_confirm(run, target, architecture_of(run.operators, path));
    if (filled.is_rejected() || num_found++ < index) continue;
    return train_for_comparison(run, target, filled.scaled.architecture, name);
  }
  StepRecord none;
  none.step = name;
  none.log.push_back(fmt::format("none: {} random networks of the space were found that keep to {}",
                                 num_found, as_limit(run, target)));
  return none;
}

/// Rank correlation of accuracies: Kendall's tau of those with the weights of the one-shot supernet
/// against those after `ranking` from scratch. `values`: tau, then both accuracies of every
/// network; none where there are fewer than two networks, and then no file either.
StepRecord correlation_step(const RunContext& run, const Target& target) {
  const int count = run.num_correlated;
  const std::string fingerprint =
      step_settings(run, target, "correlation", step_settings(run, target, "spos"));
  const std::string record_path = step_path(target.directory, "correlation");
  if (const auto done = read_step_record(record_path, fingerprint)) return *done;
  PathSupernet supernet(run.operators);
  load_phase_module(supernet_checkpoint(target), *supernet);
  supernet->to(run.device);
  StepRecord record;
  record.step = "correlation";
  record.fingerprint = fingerprint;
  std::vector<double> inherited;
  std::vector<double> alone;
  for (const Path& path : draw(run, target, count, kCorrelationDraws)) {
    const Architecture architecture = architecture_of(run.operators, path);
    inherited.push_back(inherited_accuracy(run, supernet, path, /*validation_images=*/0));
    const Ranked ranked = rank_by_training(run, target, architecture);
    alone.push_back(ranked.accuracy);
    record.add_candidate(fmt::format("{}: {} inherited, {} (+-{}) alone", in_one_line(architecture),
                                     as_percent(inherited.back()), as_percent(ranked.accuracy),
                                     as_percent(ranked.standard_error)),
                         Verdict::kTrained, run.estimate_ms(to_network(architecture)),
                         ranked.accuracy);
    run.log(fmt::format("correlation {} of {}: {} inherited, {} alone", alone.size(), count,
                        as_percent(inherited.back()), as_percent(alone.back())));
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
                  record.values[0], alone.size(), run.recipe.ranking.epochs));
  write_step_record(record_path, record);
  return record;
}

}  // namespace

MethodSteps operator_steps(RunContext& run) {
  if (run.limits().size() > 1) {
    throw InputError(
        "several limits in one run need a method of MixConv blocks; a space of operators "
        "is made, and searched in stages, for one limit");
  }
  const auto design = std::make_shared<SpaceDesign>();
  MethodSteps steps;
  steps.design = design_step(run, *design);
  for (const std::string& line : steps.design.log) run.log("design: " + line);
  check_reachable(run, *design);
  steps.find = [&run, design](const Target& target) {
    const bool is_guided = run.method == Method::kGuided;
    if (!is_guided && run.method != Method::kRandom) return one_shot_step(run, target, *design);
    return do_once(
        target.directory, "search", step_settings(run, target, is_guided ? "guided" : "random"),
        [&](StepRecord& record) {
          if (!is_guided) return search_randomly(run, target, record);
          search_guided(run, target, num_networks(run, run.recipe.guided.networks), record);
        });
  };
  steps.random = [&run](const Target& target, int index) {
    return random_step(run, target, index);
  };
  if (run.method == Method::kSpos && run.num_correlated > 0)
    steps.correlate = [&run](const Target& target) { return correlation_step(run, target); };
  return steps;
}

}  // namespace tilewake
