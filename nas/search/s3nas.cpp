// SPDX-License-Identifier: Apache-2.0
#include "nas/search/s3nas.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "nas/common/random.hpp"
#include "nas/search/measured.hpp"
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

/// The unit of costs in messages of the design.
std::string unit_text(CostUnit unit) {
  return unit == CostUnit::kMs ? "ms" : unit == CostUnit::kMj ? "mJ" : "of the limits";
}

/// Trained parameters in place of cycles.
Prediction predict_params(const Network& network) {
  Prediction prediction;
  for (const Layer& layer : network.layers) {
    Network alone;
    alone.layers = {layer};
    prediction.layer_cycles.push_back(static_cast<double>(num_trained_params(alone)));
    prediction.total_cycles += prediction.layer_cycles.back();
  }
  return prediction;
}

/// The cost of every choice of the space. `guide` predicts latencies, or what replaces them.
CostTable cost_table(const RunContext& run, const CyclePredictor& guide) {
  const ChoiceSpace space = choice_space(run.space);
  const bool is_share = run.cost_unit() == CostUnit::kShare;
  CostTable table;
  if (!run.targets_ms.empty()) {
    const double limit_ms = is_share ? run.targets_ms.front() : 1.0;
    table.terms.push_back({tabulate(guide, space), 1.0 / (run.clock_mhz * 1e3 * limit_ms)});
  }
  if (!run.targets_mj.empty()) {
    const double limit_mj = is_share ? run.targets_mj.front() : 1.0;
    table.terms.push_back({tabulate(run.predict_energy, space), 1.0 / limit_mj});
  }
  if (run.max_params > 0) {
    table.terms.push_back(
        {tabulate(predict_params, space), 1.0 / static_cast<double>(run.max_params)});
  }
  return table;
}

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
  const Target target = targets_of(run).front();
  const double limit = target.limit * run.recipe.options.target_share;
  const SupernetSize size =
      size_supernet(run.space, estimate, limit, run.recipe.options.supernet_ratio);
  record.log.push_back(fmt::format(
      "the full supernet takes {}, {:.2f} x the search's limit of {} ({:.0f} % of {}): widths x "
      "{:.3g}, {} blocks (the space has {})",
      as_cost(run, size.full_ms), size.full_ms / limit, as_cost(run, limit),
      100.0 * run.recipe.options.target_share, as_limit(run, target), size.width,
      blocks_of(size.space).size(), run.space.num_blocks));
  if (!size.is_within) {
    record.log.push_back(
        fmt::format("no widths and depths of the space take {:.3g} x the limit (search.options."
                    "supernet_ratio); these are nearest",
                    run.recipe.options.supernet_ratio));
  }
  // A search that closes most of its supernet is left with networks that it was not trained for.
  const double wanted = size.full_ms / run.recipe.options.supernet_ratio;
  if (!size.is_within && wanted > limit) {
    run.search_share = std::min(1.0, wanted / target.limit);
    record.log.push_back(fmt::format(
        "the search's limit is {} instead, {:.0f} % of {}, so that the supernet takes {:.2f} x as "
        "long; scaling has the rest",
        as_cost(run, run.search_share * target.limit), 100.0 * run.search_share,
        as_limit(run, target), size.full_ms / (run.search_share * target.limit)));
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
        fmt::format("depths such that stages of full blocks take as equal a {} as possible:",
                    run.cost_unit() == CostUnit::kMs   ? "time"
                    : run.cost_unit() == CostUnit::kMj ? "share of the energy"
                                                       : "share of the limits"));
    for (std::size_t s = 0; s < design.stages.size(); ++s) {
      const DepthDesign::Stage& stage = design.stages[s];
      record.log.push_back(
          fmt::format("stage {}: first block {}, a further one {}: depth {}, together {}", s + 1,
                      as_cost(run, stage.first_block_ms), as_cost(run, stage.block_ms), stage.depth,
                      as_cost(run, stage.stage_ms)));
    }
    record.log.push_back(fmt::format("slowest stage / fastest: {:.2f}", design.spread));
  }
  record.log.push_back(fmt::format("10^{:.1f} networks", log10_num_networks(space)));
  write_file_atomically(directory + "/space.yaml", search_space_yaml(space));
  return record;
}

/// Throws TargetMissed where the network of the space with the least of a limited quantity exceeds
/// the limit.
void check_reachable(const RunContext& run, const CostTable& table,
                     const LatencyEstimate& estimate) {
  const SearchSpace& space = run.space;
  const Target target = targets_of(run).front();
  for (const CostTerm& term : table.terms) {
    const std::vector<int> choices = fastest_choices(term.table);
    Architecture fastest = architecture_of(space, outcomes_of(space, choices));
    fastest.name = "fastest";
    const double least = table.terms.size() == 1 ? estimate(to_network(fastest))
                                                 : term.table.total_cycles(choices) * term.scale;
    if (least <= target.limit) continue;
    throw target_missed(
        run, target,
        fmt::format("no network of the space {} keeps to {}", space.name, as_limit(run, target)),
        least, std::move(fastest));
  }
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
  return step_settings(run, targets_of(run).front(), "sized-supergraph");
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
SearchPoint read_out(const RunContext& run, const Target& target, const CostTable& table,
                     Supernet& supernet, const SearchLearner& learner, double limit,
                     StepRecord& record) {
  SearchPoint last;
  last.choices = choices_of(supernet);
  last.latency_ms = table.cost(last.choices);
  if (last.latency_ms <= limit) {
    record.log.push_back(fmt::format("the last step is within the search's limit: {} of {}",
                                     as_cost(run, last.latency_ms), as_cost(run, limit)));
    return last;
  }
  if (learner.last_within()) {
    record.log.push_back(fmt::format(
        "the last step misses the search's limit ({} of {}); step {} met it last, with {}",
        as_cost(run, last.latency_ms), as_cost(run, limit), learner.last_within()->step,
        as_cost(run, learner.last_within()->latency_ms)));
    return *learner.last_within();
  }
  const SearchPoint fastest = learner.fastest().value_or(last);
  if (fastest.latency_ms <= target.limit) {
    record.log.push_back(fmt::format(
        "no step met the search's limit of {}; step {} came nearest with {}, within the whole {}",
        as_cost(run, limit), fastest.step, as_cost(run, fastest.latency_ms),
        as_limit(run, target)));
    return fastest;
  }
  throw target_missed(
      run, target,
      fmt::format("no step of the search met {}, nor the {} that it aims at "
                  "(search.options.target_share); it may need more search.epochs, a higher "
                  "search.options.latency_growth or threshold_rate, or a space with faster "
                  "networks ({})",
                  as_limit(run, target), as_cost(run, limit), target.directory),
      fastest.latency_ms, architecture_of(run.space, outcomes_of(run.space, fastest.choices)));
}

/// The result of a search by differences: the gates that are open after its last step.
SearchPoint read_out(const RunContext& run, const Target& target, const GateSearch& search,
                     StepRecord& record) {
  for (const GateSearch::Change& change : search.changes())
    record.log.push_back(search.in_one_line(change));
  if (search.latency_ms() > search.limit_ms()) {
    throw target_missed(
        run, target,
        fmt::format("the gates that are left do not meet {}", as_cost(run, search.limit_ms())),
        search.latency_ms(), architecture_of(run.space, outcomes_of(run.space, search.outcomes())));
  }
  record.log.push_back(fmt::format("{} of the search's limit of {}",
                                   as_cost(run, search.latency_ms()),
                                   as_cost(run, search.limit_ms())));
  return {search.outcomes(), search.latency_ms(), 0};
}

/// Step "search": the gates and weights of the supernet, from the end of the supergraph phase.
///   @param supergraph  checkpoint of that phase
StepRecord search_step(const RunContext& run, const Target& target, const CostTable& table,
                       const std::string& supergraph) {
  const std::string fingerprint = step_settings(run, target, "search", supergraph_settings(run));
  return do_once(target.directory, "search", fingerprint, [&](StepRecord& record) {
    const Recipe& recipe = run.recipe;
    const double limit = search_limit(run, target);
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
    // The log of training has milliseconds or nothing.
    const bool is_ms = run.cost_unit() == CostUnit::kMs;
    if (is_ms) options.target_ms = limit;
    SearchPoint found;
    if (recipe.options.gates == GateKind::kDifferences) {
      GateLearner learner(supernet, GateSearch(run.space, table, limit, unit_text(run.cost_unit())),
                          recipe.search, recipe.options, is_ms);
      train_phase(run, target.directory, learner, *train, options);
      found = read_out(run, target, learner.search(), record);
    } else {
      LatencyLoss latency_loss(table, limit, recipe.options.latency_weight,
                               recipe.options.latency_slope);
      latency_loss.to(run.device);
      SearchLearner learner(supernet, latency_loss, recipe.search, recipe.options, is_ms);
      train_phase(run, target.directory, learner, *train, options);
      found = read_out(run, target, table, supernet, learner, limit, record);
    }
    record.architecture = architecture_of(run.space, outcomes_of(run.space, found.choices));
    record.architecture->name = "searched";
    measure(run, record);
    record.add_candidate(in_one_line(*record.architecture), Verdict::kChosen, record.simulated_ms);
    record.log.push_back(measured_text(run, record));
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
  const LatencyEstimate estimate = [&run, &guide, is_twin](const Network& network) {
    return is_twin ? guide(network).total_cycles / (run.clock_mhz * 1e3) : run.estimate(network);
  };
  MethodSteps steps;
  steps.design = design_step(run, estimate, directory);
  if (is_twin) {
    steps.design.log.push_back("multiply-accumulates replace latencies until networks are scaled");
  }
  for (const std::string& line : steps.design.log) run.log("design: " + line);
  const auto table = std::make_shared<const CostTable>(cost_table(run, guide));
  check_reachable(run, *table, estimate);
  check_limit(run, run.limits().back(), "the largest network of the space " + run.space.name,
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
