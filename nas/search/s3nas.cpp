// SPDX-License-Identifier: Apache-2.0
#include "nas/search/s3nas.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "nas/common/random.hpp"
#include "nas/search/network_training.hpp"
#include "nas/search/random_mixconv.hpp"
#include "nas/search/step_settings.hpp"
#include "nas/search/steps.hpp"
#include "nas/search/supernet_learner.hpp"
#include "nas/space/depth_design.hpp"
#include "nas/space/outcome.hpp"
#include "nas/space/supernet_size.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/version.hpp"

namespace tilewake {
namespace {

double ms_per_cycle(const RunContext& run) { return 1.0 / (run.clock_mhz * 1e3); }

GateOptions gate_options(const SearchOptions& options) {
  GateOptions gates;
  gates.norm = options.norm;
  gates.temperature = options.temperature;
  gates.scaling = options.gate_scaling;
  gates.mask_after_activation = options.mask_after_activation;
  return gates;
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

/// Chooses widths and the number of blocks of run.space for the limit of the search.
DepthDesign size_for(RunContext& run, const LatencyEstimate& estimate, StepRecord& record) {
  const double limit_ms = run.targets_ms.front() * run.recipe.options.target_share;
  const SupernetSize size =
      size_supernet(run.space, estimate, limit_ms, run.recipe.options.supernet_ratio);
  record.log.push_back(fmt::format(
      "the full supernet takes {}, {:.2f} x the search's limit of {} ({:.0f} % of {}): widths x "
      "{:.3g}, {} blocks (the space has {})",
      as_ms(size.full_ms), size.full_ms / limit_ms, as_ms(limit_ms),
      100.0 * run.recipe.options.target_share, as_ms(run.targets_ms.front()), size.width,
      blocks_of(size.space).size(), run.space.num_blocks));
  if (!size.is_within) {
    record.log.push_back(
        fmt::format("no widths and depths of the space take {:.3g} x the limit (search.options."
                    "supernet_ratio); these are nearest",
                    run.recipe.options.supernet_ratio));
  }
  // A search that closes most of its supernet is left with networks that it was not trained for.
  const double wanted_ms = size.full_ms / run.recipe.options.supernet_ratio;
  if (!size.is_within && wanted_ms > limit_ms) {
    run.search_share = std::min(1.0, wanted_ms / run.targets_ms.front());
    record.log.push_back(fmt::format(
        "the search's limit is {} instead, {:.0f} % of {}, so that the supernet takes {:.2f} x as "
        "long; scaling has the rest",
        as_ms(run.search_share * run.targets_ms.front()), 100.0 * run.search_share,
        as_ms(run.targets_ms.front()), size.full_ms / (run.search_share * run.targets_ms.front())));
  }
  run.given_space = search_space_yaml(run.space);
  run.space = size.space;
  return size.depths;
}

/// Designs widths and depths of run.space, unless the space gives its depths.
///   @param estimate   guides the search: latencies, or multiply-accumulates in place of them
///   @param directory  of the space that is designed
StepRecord design_step(RunContext& run, const LatencyEstimate& estimate,
                       const std::string& directory) {
  SearchSpace& space = run.space;
  StepRecord record;
  record.step = "design";
  if (space.has_depths()) {
    record.log.push_back("the space gives the depth of every stage");
  } else {
    const bool is_sized = sizes_supernet(run);
    const DepthDesign design =
        is_sized ? size_for(run, estimate, record) : design_depths(space, estimate);
    if (!is_sized) space = with_depths(space, design);
    record.log.push_back(
        "depths such that stages of full blocks take as equal a time as possible:");
    for (std::size_t s = 0; s < design.stages.size(); ++s) {
      const DepthDesign::Stage& stage = design.stages[s];
      record.log.push_back(fmt::format(
          "stage {}: first block {}, a further one {}: depth {}, together {}", s + 1,
          as_ms(stage.first_block_ms), as_ms(stage.block_ms), stage.depth, as_ms(stage.stage_ms)));
    }
    record.log.push_back(fmt::format("slowest stage / fastest: {:.2f}", design.spread));
  }
  record.log.push_back(fmt::format("10^{:.1f} networks", log10_num_networks(space)));
  write_file_atomically(directory + "/space.yaml", search_space_yaml(space));
  return record;
}

/// Throws TargetMissed where the fastest network of the space exceeds the limit.
void check_reachable(const SearchSpace& space, const LatencyTable& table,
                     const LatencyEstimate& estimate, double limit_ms) {
  Architecture fastest = architecture_of(space, outcomes_of(space, fastest_choices(table)));
  fastest.name = "fastest";
  const double fastest_ms = estimate(to_network(fastest));
  if (fastest_ms <= limit_ms) return;
  throw TargetMissed(
      fmt::format("no network of the space {} keeps to {}", space.name, as_ms(limit_ms)), limit_ms,
      fastest_ms, std::move(fastest));
}

/// The twin's estimate: the space's largest network has the latency that it has on the machine, so
/// that limit and estimate are of one scale.
CyclePredictor scaled_macs_predictor(const RunContext& run) {
  SearchSpace shallow = run.space;
  for (StageSpace& stage : shallow.stages) stage.depth = std::max(stage.depth, 2);
  const Network largest = to_network(architecture_of(shallow, full_outcomes(shallow)));
  return macs_predictor(run.predict(largest).total_cycles /
                        static_cast<double>(largest.num_macs()));
}

std::string supergraph_checkpoint(const std::string& directory) {
  return directory + "/supergraph.ckpt";
}

/// The fingerprint of the supergraph: a supernet that is sized to a limit depends on that.
std::string supergraph_settings(const RunContext& run) {
  if (run.given_space.empty()) return step_settings(run, {}, "supergraph");
  return step_settings(run, {run.targets_ms.front(), ""}, "sized-supergraph");
}

/// Trains all networks of the space at once.
void train_supergraph(const RunContext& run, const std::string& directory) {
  const Recipe& recipe = run.recipe;
  torch::manual_seed(random_bits(run.seed, fnv1a64("weights of supergraph")));
  Supernet supernet(run.space, gate_options(recipe.options));
  supernet->to(run.device);
  SupergraphLearner learner(supernet, recipe.supergraph, recipe.options);
  const auto train =
      training_loader(run, recipe.supergraph, static_cast<int>(run.space.input.height));
  PhaseOptions options;
  options.name = "supergraph";
  options.recipe = recipe.supergraph;
  options.checkpoint_path = supergraph_checkpoint(directory);
  options.fingerprint = supergraph_settings(run);
  train_phase(run, directory, learner, *train, options);
}

/// The result of the search: the network of the last step, or else the last one met within
/// `limit_ms`, or else the fastest one met if that keeps to the whole target.
SearchPoint read_out(const RunContext& run, const Target& target, const LatencyTable& table,
                     Supernet& supernet, const SearchLearner& learner, double limit_ms,
                     StepRecord& record) {
  SearchPoint last;
  last.choices = choices_of(supernet);
  last.latency_ms = table.total_cycles(last.choices) * ms_per_cycle(run);
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
  if (fastest.latency_ms <= target.limit_ms) {
    record.log.push_back(fmt::format(
        "no step met the search's limit of {}; step {} came nearest with {}, within the whole {}",
        as_ms(limit_ms), fastest.step, as_ms(fastest.latency_ms), as_ms(target.limit_ms)));
    return fastest;
  }
  throw TargetMissed(
      fmt::format("no step of the search met {}, nor the {} that it aims at "
                  "(search.options.target_share); it may need more search.epochs, a higher "
                  "search.options.latency_growth or threshold_rate, or a space with faster "
                  "networks ({})",
                  as_ms(target.limit_ms), as_ms(limit_ms), target.directory),
      target.limit_ms, fastest.latency_ms,
      architecture_of(run.space, outcomes_of(run.space, fastest.choices)));
}

/// The result of a search by differences: the gates that are open after its last step.
SearchPoint read_out(const RunContext& run, const Target& target, const GateSearch& search,
                     StepRecord& record) {
  for (const GateSearch::Change& change : search.changes())
    record.log.push_back(search.in_one_line(change));
  if (search.latency_ms() > search.limit_ms()) {
    throw TargetMissed(
        fmt::format("the gates that are left do not meet {}", as_ms(search.limit_ms())),
        target.limit_ms, search.latency_ms(),
        architecture_of(run.space, outcomes_of(run.space, search.outcomes())));
  }
  record.log.push_back(fmt::format("{} of the search's limit of {}", as_ms(search.latency_ms()),
                                   as_ms(search.limit_ms())));
  return {search.outcomes(), search.latency_ms(), 0};
}

/// Step "search": the gates and weights of the supernet, from the end of the supergraph phase.
///   @param supergraph  checkpoint of that phase
StepRecord search_step(const RunContext& run, const Target& target, const LatencyTable& table,
                       const std::string& supergraph) {
  const std::string fingerprint = step_settings(run, target, "search", supergraph_settings(run));
  return do_once(target.directory, "search", fingerprint, [&](StepRecord& record) {
    const Recipe& recipe = run.recipe;
    const double limit_ms = search_limit_ms(run, target);
    torch::manual_seed(random_bits(run.seed, fnv1a64("weights of search")));
    Supernet supernet(run.space, gate_options(recipe.options));
    load_phase_module(supergraph, *supernet);
    supernet->to(run.device);
    const auto train =
        training_loader(run, recipe.search, static_cast<int>(run.space.input.height));
    PhaseOptions options;
    options.name = "search";
    options.recipe = recipe.search;
    options.optimizer_from = supergraph;
    options.checkpoint_path = target.directory + "/search.ckpt";
    options.fingerprint = fingerprint;
    options.target_ms = limit_ms;
    SearchPoint found;
    if (recipe.options.gates == GateKind::kDifferences) {
      GateLearner learner(supernet, GateSearch(run.space, table, ms_per_cycle(run), limit_ms),
                          recipe.search, recipe.options);
      train_phase(run, target.directory, learner, *train, options);
      found = read_out(run, target, learner.search(), record);
    } else {
      LatencyLoss latency_loss(table, ms_per_cycle(run), limit_ms, recipe.options.latency_weight,
                               recipe.options.latency_slope);
      latency_loss.to(run.device);
      SearchLearner learner(supernet, latency_loss, recipe.search, recipe.options);
      train_phase(run, target.directory, learner, *train, options);
      found = read_out(run, target, table, supernet, learner, limit_ms, record);
    }
    record.architecture = architecture_of(run.space, outcomes_of(run.space, found.choices));
    record.architecture->name = "searched";
    record.estimated_ms = run.estimate(to_network(*record.architecture));
    record.simulated_ms = run.simulate(to_network(*record.architecture));
    record.add_candidate(in_one_line(*record.architecture), Verdict::kChosen, record.simulated_ms);
    record.log.push_back(fmt::format("estimated {}, simulated {}", as_ms(*record.estimated_ms),
                                     as_ms(*record.simulated_ms)));
  });
}

}  // namespace

CyclePredictor macs_predictor(double cycles_per_mac) {
  return [cycles_per_mac](const Network& network) {
    Prediction prediction;
    for (const Layer& layer : network.layers) {
      prediction.layer_cycles.push_back(cycles_per_mac * static_cast<double>(layer.num_macs()));
      prediction.total_cycles += prediction.layer_cycles.back();
    }
    return prediction;
  };
}

std::vector<int> fastest_choices(const LatencyTable& table) {
  // Shortest path through the choices: best[c] is the path to choice c of the current position.
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

bool sizes_supernet(const RunContext& run) {
  return searches_mixconv(run.method) && run.recipe.options.supernet_ratio > 0.0 &&
         !run.space.has_depths();
}

MethodSteps s3nas_steps(RunContext& run, Step last, const std::string& directory) {
  const bool is_twin = run.method == Method::kFlops;
  const CyclePredictor guide = is_twin ? scaled_macs_predictor(run) : run.predict;
  const LatencyEstimate estimate = [&](const Network& network) {
    return guide(network).total_cycles / (run.clock_mhz * 1e3);
  };
  MethodSteps steps;
  steps.design = design_step(run, estimate, directory);
  if (is_twin) {
    steps.design.log.push_back("multiply-accumulates replace latencies until networks are scaled");
  }
  for (const std::string& line : steps.design.log) run.log("design: " + line);
  const auto table = std::make_shared<const LatencyTable>(tabulate(guide, choice_space(run.space)));
  check_reachable(run.space, *table, estimate, run.targets_ms.front());
  check_limit(run, run.targets_ms.back(), "the largest network of the space " + run.space.name,
              architecture_of(run.space, full_outcomes(run.space)));
  if (run.method == Method::kRandomMixconv) {
    steps.find = [&run](const Target& target) { return random_mixconv_step(run, target); };
  } else {
    if (last >= Step::kSupergraph) train_supergraph(run, directory);
    steps.find = [&run, table, directory](const Target& target) {
      return search_step(run, target, *table, supergraph_checkpoint(directory));
    };
  }
  steps.random = [&run](const Target& target, int index) {
    return random_network_step(run, target, index);
  };
  return steps;
}

}  // namespace tilewake
