// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "nas/common/random.hpp"
#include "nas/search/steps.hpp"
#include "nas/search/supernet_learner.hpp"
#include "simulator/common/version.hpp"

namespace tilewake {
namespace {

std::string search_fingerprint(const TargetContext& context) {
  Recipe recipe;
  recipe.search = context.config().recipe.search;
  recipe.options = context.config().recipe.options;
  return fingerprint_of({context.fingerprint, recipe_yaml(recipe)});
}

std::vector<Outcome> outcomes_of(const SearchSpace& space, const std::vector<int>& choices) {
  std::vector<Outcome> outcomes;
  const std::vector<BlockSpace> blocks = blocks_of(space);
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    outcomes.push_back(outcome_table(blocks[b]).outcomes[static_cast<std::size_t>(choices[b])]);
  }
  return outcomes;
}

std::vector<int> choices_of(Supernet& supernet) {
  std::vector<int> choices;
  const std::vector<Outcome> outcomes = supernet->outcomes();
  for (std::size_t b = 0; b < outcomes.size(); ++b) {
    choices.push_back(supernet->blocks[b]->outcomes.index_of(outcomes[b]));
  }
  return choices;
}

/// The network that the search ends with: that of the last step, or else the last that met
/// `limit_ms`, or else the fastest if the whole target has time for it.
SearchPoint read_out(Supernet& supernet, const SearchLearner& learner, const LatencyTable& table,
                     double cycles_to_ms, double limit_ms, const TargetContext& context,
                     const SearchSpace& space, StepRecord& record) {
  SearchPoint last;
  last.choices = choices_of(supernet);
  last.latency_ms = table.total_cycles(last.choices) * cycles_to_ms;
  if (last.latency_ms <= limit_ms) {
    record.log.push_back(fmt::format("the last step is within the search's limit: {} of {}",
                                     as_ms(last.latency_ms), as_ms(limit_ms)));
    return last;
  }
  if (learner.last_within()) {
    record.log.push_back(fmt::format(
        "the last step misses the search's limit ({} of {}); step {} met it last, with {}",
        as_ms(last.latency_ms), as_ms(limit_ms), learner.last_within()->step,
        as_ms(learner.last_within()->latency_ms)));
    return *learner.last_within();
  }
  const SearchPoint fastest = learner.fastest().value_or(last);
  if (fastest.latency_ms <= context.target_ms) {
    record.log.push_back(fmt::format(
        "no step met the search's limit of {}; step {} came nearest with {}, within the whole {}",
        as_ms(limit_ms), fastest.step, as_ms(fastest.latency_ms), as_ms(context.target_ms)));
    return fastest;
  }
  throw TargetMissed{
      context.target_ms, fastest.latency_ms,
      architecture_of(space, outcomes_of(space, fastest.choices)),
      fmt::format("no step of the search met {}, nor the {} that it aims at "
                  "(search.options.target_share); it may need more search.epochs, a higher "
                  "search.options.latency_growth or threshold_rate, or a space with faster "
                  "networks ({})",
                  as_ms(context.target_ms), as_ms(limit_ms), context.directory)};
}

}  // namespace

GateOptions gate_options(const SearchOptions& options) {
  GateOptions gates;
  gates.norm = options.norm;
  gates.temperature = options.temperature;
  gates.scaling = options.gate_scaling;
  gates.mask_after_activation = options.mask_after_activation;
  return gates;
}

std::vector<int> fastest_choices(const LatencyTable& table) {
  // Shortest path through the choices: best[c] is that to choice c of the position at hand.
  std::vector<double> best(1, 0.0);
  std::vector<std::vector<int>> from;
  for (const auto& given : table.given) {
    std::vector<double> next(given[0].size(), std::numeric_limits<double>::infinity());
    std::vector<int> previous(next.size(), 0);
    for (std::size_t before = 0; before < given.size(); ++before) {
      for (std::size_t c = 0; c < next.size(); ++c) {
        const double cycles = best[before] + given[before][c];
        if (cycles < next[c]) {
          next[c] = cycles;
          previous[c] = static_cast<int>(before);
        }
      }
    }
    best = std::move(next);
    from.push_back(std::move(previous));
  }
  std::vector<int> choices(from.size(), 0);
  auto choice = static_cast<int>(std::min_element(best.begin(), best.end()) - best.begin());
  for (std::size_t p = from.size(); p-- > 0;) {
    choices[p] = choice;
    choice = from[p][static_cast<std::size_t>(choice)];
  }
  return choices;
}

StepRecord search_step(const TargetContext& context, const SearchSpace& space,
                       const LatencyTable& table, const std::string& supergraph_checkpoint) {
  const std::string fingerprint = search_fingerprint(context);
  if (const auto done = context.steps.find("search", fingerprint)) return *done;

  const Recipe& recipe = context.config().recipe;
  const double cycles_to_ms = 1.0 / (context.host().clock_mhz * 1e3);
  const double limit_ms = context.target_ms * recipe.options.target_share;
  StepRecord record;
  record.step = "search";
  record.fingerprint = fingerprint;

  torch::manual_seed(random_bits(context.config().seed, fnv1a64("weights of search")));
  Supernet supernet(space, gate_options(recipe.options));
  load_phase_module(supergraph_checkpoint, *supernet);
  supernet->to(context.config().device);
  LatencyLoss latency_loss(table, cycles_to_ms, limit_ms, recipe.options.latency_weight,
                           recipe.options.latency_slope);
  latency_loss.to(context.config().device);
  SearchLearner learner(supernet, latency_loss, recipe.search, recipe.options);
  const auto train =
      training_loader(context.training, recipe.search, static_cast<int>(space.input.height));
  PhaseOptions options = phase_options(context.training, "search", recipe.search);
  options.optimizer_from = supergraph_checkpoint;
  options.checkpoint_path = context.directory + "/search.ckpt";
  options.fingerprint = fingerprint;
  options.target_ms = limit_ms;
  run_counted(context.training, learner, *train, options);

  const SearchPoint found =
      read_out(supernet, learner, table, cycles_to_ms, limit_ms, context, space, record);
  record.architecture = architecture_of(space, outcomes_of(space, found.choices));
  record.architecture->name = "searched";
  record.estimated_ms = context.host().estimate(to_network(*record.architecture));
  record.simulated_ms = context.host().simulate(to_network(*record.architecture));
  record.log.push_back(in_one_line(*record.architecture));
  record.log.push_back(fmt::format("estimated {}, simulated {}", as_ms(*record.estimated_ms),
                                   as_ms(*record.simulated_ms)));
  context.steps.save("search", record);
  return record;
}

}  // namespace tilewake
