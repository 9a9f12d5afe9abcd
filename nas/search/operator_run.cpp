// SPDX-License-Identifier: Apache-2.0
#include "nas/search/operator_run.hpp"

#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nas/search/one_shot.hpp"
#include "nas/search/operator_steps.hpp"
#include "nas/search/target_run.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

/// Step 1: which operators each position may be on this machine, and why.
StepRecord design_operators_step(const RunConfig& config, const Host& host, OperatorRoom& room) {
  StepRecord record;
  record.step = "design";
  const double target_ms = config.targets_ms.front();
  const SpaceRecipe& recipe = config.recipe.space;
  const bool is_given = !room.space.has_whole_pool();
  room.design = design_space(room.space, {target_ms, recipe.keep, recipe.rho},
                             [&](const Network& network) { return host.estimate(network); });
  if (is_given) {
    check_all_held(room.design);  // all of them would be trained
    record.log.push_back("the space gives the operators of every position");
  } else {
    room.space = with_operators(room.space, room.design);
    record.log.push_back(
        fmt::format("of the pool's {} operators at most {} a position: the fastest, the most "
                    "capable that takes "
                    "at most {:g} x {}, then by capacity over latency (operators.csv)",
                    operator_pool().size(), recipe.keep, recipe.rho, as_ms(room.design.share_ms)));
  }
  for (const OperatorPosition& position : positions_of(room.space)) {
    std::vector<std::string> names;
    for (const Operator& op : position.operators) names.push_back(to_string(op));
    record.log.push_back(fmt::format("{}, {}x{}x{} to {} channels: {}", position.name,
                                     position.in_channels, position.height, position.width,
                                     position.out_channels, fmt::join(names, " ")));
  }
  record.log.push_back(fmt::format("10^{:.1f} networks", log10_num_networks(room.space)));
  write_file_atomically(config.directory + "/operators.csv", space_design_csv(room.design));
  write_file_atomically(config.directory + "/space.yaml", operator_space_yaml(room.space));
  return record;
}

/// Tells before anything is trained what cannot be reached, or makes no sense.
void check_target(const OperatorRoom& room, const Host& host, double target_ms) {
  // Operators are measured one by one: the network of the fastest may be a little off the fastest.
  constexpr double kTolerance = 1.05;
  Architecture fastest = architecture_of(room.space, fastest_operators(room.space, room.design));
  fastest.name = "fastest";
  const double fastest_ms = host.estimate(to_network(fastest));
  if (fastest_ms > kTolerance * target_ms) {
    throw TargetMissed{
        target_ms, fastest_ms, std::move(fastest),
        fmt::format("no network of the space {} keeps to {}", room.space.name, as_ms(target_ms))};
  }
  check_sensible("the slowest network of the space " + room.space.name,
                 architecture_of(room.space, slowest_operators(room.space, room.design)), host,
                 target_ms);
}

/// Everything that the steps depend on before they read their part of the recipe.
std::string operators_fingerprint(const RunConfig& config, const OperatorSpace& space) {
  return fingerprint_of(
      {config.machine, operator_space_yaml(space),
       fmt::format("{}", config.recipe.validation_share), config.data.name,
       fmt::format("{} {} {}", config.data.train->size(), config.data.test->size(), config.seed)});
}

}  // namespace

SearchResult run_operators(const RunConfig& config, const Host& host, Step last) {
  if (config.targets_ms.size() > 1) {
    throw InputError(
        "several limits share a supergraph only with method s3nas or flops; a space of operators "
        "is made, and searched in stages, for one limit");
  }
  SearchResult result;
  result.space = config.space;
  OperatorRoom operators{config.operators, {}};
  const StepRecord design = design_operators_step(config, host, operators);
  for (const std::string& line : design.log) host.say("design: " + line);
  check_target(operators, host, config.targets_ms.front());
  if (last < Step::kSupergraph) return result;

  const RunRoom run(config, host);
  const TrainingRoom& room = run.training;
  MethodSteps steps;
  steps.find = [&](const TargetRoom& target) {
    if (config.method == Method::kRandom) return random_search_step(target, operators);
    return one_shot_step(target, operators, config.method == Method::kHurricane);
  };
  steps.random = [&](const TargetRoom& target, double, int index) {
    return random_operators_step(target, operators, index);
  };
  if (config.method == Method::kSpos && config.num_correlated > 0) {
    steps.correlate = [&](const TargetRoom& target) { return correlation_step(target, operators); };
  }
  result.targets.push_back(run_target(room, design, config.targets_ms.front(),
                                      operators_fingerprint(config, operators.space), steps, last));
  return result;
}

}  // namespace tilewake
