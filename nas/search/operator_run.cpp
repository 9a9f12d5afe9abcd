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
StepRecord design_operators_step(const RunConfig& config, const Host& host,
                                 OperatorContext& context) {
  StepRecord record;
  record.step = "design";
  const double target_ms = config.targets_ms.front();
  const SpaceRecipe& recipe = config.recipe.space;
  const bool is_given = !context.space.has_whole_pool();
  context.design = design_space(context.space, {target_ms, recipe.keep, recipe.rho},
                                [&](const Network& network) { return host.estimate(network); });
  if (is_given) {
    check_all_held(context.design);  // all of them would be trained
    record.log.push_back("the space gives the operators of every position");
  } else {
    context.space = with_operators(context.space, context.design);
    record.log.push_back(fmt::format(
        "of the pool's {} operators at most {} a position: the fastest, the most "
        "capable that takes "
        "at most {:g} x {}, then by capacity over latency (operators.csv)",
        operator_pool().size(), recipe.keep, recipe.rho, as_ms(context.design.share_ms)));
  }
  for (const OperatorPosition& position : positions_of(context.space)) {
    std::vector<std::string> names;
    for (const Operator& op : position.operators) names.push_back(to_string(op));
    record.log.push_back(fmt::format("{}, {}x{}x{} to {} channels: {}", position.name,
                                     position.in_channels, position.height, position.width,
                                     position.out_channels, fmt::join(names, " ")));
  }
  record.log.push_back(fmt::format("10^{:.1f} networks", log10_num_networks(context.space)));
  write_file_atomically(config.directory + "/operators.csv", space_design_csv(context.design));
  write_file_atomically(config.directory + "/space.yaml", operator_space_yaml(context.space));
  return record;
}

/// Tells before anything is trained what cannot be reached, or makes no sense.
void check_target(const OperatorContext& context, const Host& host, double target_ms) {
  // Operators are measured one by one: the network of the fastest may be a little off the fastest.
  constexpr double kTolerance = 1.05;
  Architecture fastest =
      architecture_of(context.space, fastest_operators(context.space, context.design));
  fastest.name = "fastest";
  const double fastest_ms = host.estimate(to_network(fastest));
  if (fastest_ms > kTolerance * target_ms) {
    throw TargetMissed{target_ms, fastest_ms, std::move(fastest),
                       fmt::format("no network of the space {} keeps to {}", context.space.name,
                                   as_ms(target_ms))};
  }
  check_sensible("the slowest network of the space " + context.space.name,
                 architecture_of(context.space, slowest_operators(context.space, context.design)),
                 host, target_ms);
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
  OperatorContext operators{config.operators, {}};
  const StepRecord design = design_operators_step(config, host, operators);
  for (const std::string& line : design.log) host.log("design: " + line);
  check_target(operators, host, config.targets_ms.front());
  if (last < Step::kSupergraph) return result;

  const RunContext run(config, host);
  const TrainingContext& context = run.training;
  MethodSteps steps;
  steps.find = [&](const TargetContext& target) {
    if (config.method == Method::kRandom) return random_search_step(target, operators);
    return one_shot_step(target, operators, config.method == Method::kHurricane);
  };
  steps.random = [&](const TargetContext& target, double, int index) {
    return random_operators_step(target, operators, index);
  };
  if (config.method == Method::kSpos && config.num_correlated > 0) {
    steps.correlate = [&](const TargetContext& target) {
      return correlation_step(target, operators);
    };
  }
  result.targets.push_back(run_target(context, design, config.targets_ms.front(),
                                      operators_fingerprint(config, operators.space), steps, last));
  return result;
}

}  // namespace tilewake
