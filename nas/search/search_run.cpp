// SPDX-License-Identifier: Apache-2.0
#include "nas/search/search_run.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "nas/common/random.hpp"
#include "nas/report/metrics_log.hpp"
#include "nas/search/macs_predictor.hpp"
#include "nas/search/operator_run.hpp"
#include "nas/search/steps.hpp"
#include "nas/search/supernet_learner.hpp"
#include "nas/search/target_run.hpp"
#include "nas/space/outcome.hpp"
#include "nas/space/published_networks.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"

namespace tilewake {
namespace {

/// Step 1: how deep the stages are on this machine, and why.
///   @param guide  what the search takes latencies from
StepRecord design_step(const RunConfig& config, const LatencyEstimate& guide, SearchSpace& space) {
  StepRecord record;
  record.step = "design";
  if (space.has_depths()) {
    record.log.push_back("the space gives the depth of every stage");
  } else {
    const DepthDesign design = design_depths(space, guide);
    space = with_depths(space, design);
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
  write_file_atomically(config.directory + "/space.yaml", search_space_yaml(space));
  return record;
}

/// Everything that the supergraph depends on.
std::string supergraph_fingerprint(const RunConfig& config, const SearchSpace& space) {
  Recipe recipe;
  recipe.validation_share = config.recipe.validation_share;
  recipe.supergraph = config.recipe.supergraph;
  recipe.options.norm = config.recipe.options.norm;
  recipe.options.temperature = config.recipe.options.temperature;
  recipe.options.supergraph_threshold_rate = config.recipe.options.supergraph_threshold_rate;
  recipe.options.gate_scaling = config.recipe.options.gate_scaling;
  recipe.options.mask_after_activation = config.recipe.options.mask_after_activation;
  return fingerprint_of(
      {config.machine, search_space_yaml(space), recipe_yaml(recipe), config.data.name,
       fmt::format("{} {} {}", config.data.train->size(), config.data.test->size(), config.seed)});
}

/// Step 2a. Returns the path of its checkpoint.
std::string supergraph_step(const TrainingContext& context, const SearchSpace& space,
                            const std::string& fingerprint) {
  const Recipe& recipe = context.config.recipe;
  torch::manual_seed(random_bits(context.config.seed, fnv1a64("weights of supergraph")));
  Supernet supernet(space, gate_options(recipe.options));
  supernet->to(context.config.device);
  SupergraphLearner learner(supernet, recipe.supergraph, recipe.options);
  const auto train =
      training_loader(context, recipe.supergraph, static_cast<int>(space.input.height));
  PhaseOptions options = phase_options(context, "supergraph", recipe.supergraph);
  options.checkpoint_path = context.config.directory + "/supergraph.ckpt";
  options.fingerprint = fingerprint;
  run_counted(context, learner, *train, options);
  return options.checkpoint_path;
}

void check_reachable(const SearchSpace& space, const LatencyTable& table,
                     const LatencyEstimate& guide, double target_ms) {
  const std::vector<int> choices = fastest_choices(table);
  std::vector<Outcome> outcomes;
  const std::vector<BlockSpace> blocks = blocks_of(space);
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    outcomes.push_back(outcome_table(blocks[b]).outcomes[static_cast<std::size_t>(choices[b])]);
  }
  Architecture fastest = architecture_of(space, outcomes);
  fastest.name = "fastest";
  const double fastest_ms = guide(to_network(fastest));
  if (fastest_ms <= target_ms) return;
  throw TargetMissed{
      target_ms, fastest_ms, std::move(fastest),
      fmt::format("no network of the space {} keeps to {}", space.name, as_ms(target_ms))};
}

/// The latency of the space's largest network by multiply-accumulates alone is that of the machine:
/// so limit and proxy are of one scale.
Predictor machineless_predictor(const SearchSpace& space, const Host& host) {
  SearchSpace shallow = space;
  for (StageSpace& stage : shallow.stages) stage.depth = std::max(stage.depth, 2);
  const Network largest = to_network(architecture_of(shallow, full_outcomes(shallow)));
  return macs_predictor(host.predictor.predict(largest).total_cycles /
                        static_cast<double>(largest.num_macs()));
}

/// S3NAS, and its twin that knows no latencies before it scales.
SearchResult run_s3nas(const RunConfig& config, const Host& host, Step last) {
  SearchResult result;
  result.space = config.space;
  std::optional<Predictor> macs;
  if (config.method == Method::kFlops) macs.emplace(machineless_predictor(config.space, host));
  const Predictor& guide = macs ? *macs : host.predictor;
  const LatencyEstimate guide_ms = [&](const Network& network) {
    return guide.predict(network).total_cycles / (host.clock_mhz * 1e3);
  };
  StepRecord design = design_step(config, guide_ms, result.space);
  if (macs)
    design.log.push_back("latencies stand for multiply-accumulates until networks are scaled");
  for (const std::string& line : design.log) host.log("design: " + line);
  const LatencyTable table = tabulate(guide, choice_space(result.space));
  check_reachable(result.space, table, guide_ms, config.targets_ms.front());
  check_sensible("the largest network of the space " + result.space.name,
                 architecture_of(result.space, full_outcomes(result.space)), host,
                 config.targets_ms.back());
  if (last < Step::kSupergraph) return result;

  const RunContext run(config, host);
  const TrainingContext& context = run.training;
  const std::string fingerprint = supergraph_fingerprint(config, result.space);
  const std::string supergraph = supergraph_step(context, result.space, fingerprint);
  if (last < Step::kSearch) return result;
  MethodSteps steps;
  steps.find = [&](const TargetContext& target) {
    return search_step(target, result.space, table, supergraph);
  };
  steps.scales = true;
  steps.postprocesses = true;
  steps.random = [&](const TargetContext& target, double latency_ms, int index) {
    return random_step(target, result.space, latency_ms, index);
  };
  // Until then both methods may do the same.
  const std::string of_method = macs ? fingerprint_of({fingerprint, "flops"}) : fingerprint;
  for (const double target_ms : config.targets_ms)
    result.targets.push_back(run_target(context, design, target_ms, of_method, steps, last));
  return result;
}

/// A network of others, scaled.
SearchResult run_published(const RunConfig& config, const Host& host, Step last) {
  SearchResult result;
  result.space = config.space;
  const bool is_mobilenet = config.method == Method::kMobilenetV2;
  const Architecture published =
      is_mobilenet ? mobilenet_v2(config.space.input, config.space.num_classes)
                   : efficientnet_lite0(config.space.input, config.space.num_classes);
  check_sensible(published.name + " as published", published, host, config.targets_ms.back());
  StepRecord design;
  design.step = "design";
  design.log.push_back("no search: " + in_one_line(published));
  if (last < Step::kSearch) return result;
  const RunContext run(config, host);
  const TrainingContext& context = run.training;
  MethodSteps steps;
  steps.find = [&](const TargetContext& target) {
    StepRecord record;
    record.step = "search";
    record.fingerprint = target.fingerprint;
    record.architecture = published;
    record.estimated_ms = host.estimate(to_network(published));
    record.simulated_ms = host.simulate(to_network(published));
    record.log.push_back(
        fmt::format("{} as published: {}", published.name, as_ms(*record.simulated_ms)));
    return record;
  };
  steps.scales = true;
  const std::string fingerprint = fingerprint_of(
      {config.machine, architecture_text(published),
       fmt::format("{} {}", config.space.max_params, config.space.width_divisor), config.data.name,
       fmt::format("{} {} {}", config.data.train->size(), config.data.test->size(), config.seed)});
  for (const double target_ms : config.targets_ms)
    result.targets.push_back(run_target(context, design, target_ms, fingerprint, steps, last));
  return result;
}

}  // namespace

void check_data_fits(const RunConfig& config) {
  const SearchSpace& space = config.space;
  const ImageData& data = config.data;
  if (data.channels != space.input.channels) {
    throw InputError(fmt::format("space {} takes images of {} channels, data {} has {}", space.name,
                                 space.input.channels, data.name, data.channels));
  }
  if (data.num_classes() != space.num_classes) {
    throw InputError(fmt::format("space {} has {} classes, data {} has {}", space.name,
                                 space.num_classes, data.name, data.num_classes()));
  }
  const Recipe& recipe = config.recipe;
  if (uses_operators(config.method) && recipe.supernet.drop_connect > 0.0) {
    throw InputError(fmt::format(
        "recipe {}: supernet.drop_connect: must be 0: one path a step leaves blocks out as it is",
        recipe.name));
  }
  if (uses_operators(config.method) && recipe.supernet.ema_decay > 0.0) {
    throw InputError(fmt::format(
        "recipe {}: supernet.ema_decay: must be 0: an average over steps of which each trains "
        "another path is one of no network",
        recipe.name));
  }
  const Split split = split_train(*data.train, recipe.validation_share, config.seed);
  const auto num_images = static_cast<std::int64_t>(split.train.size());
  const std::pair<const char*, const PhaseRecipe*> phases[] = {{"supergraph", &recipe.supergraph},
                                                               {"search", &recipe.search},
                                                               {"ranking", &recipe.ranking},
                                                               {"supernet", &recipe.supernet},
                                                               {"train", &recipe.train}};
  for (const auto& [name, phase] : phases) {
    if (phase->batch_size <= num_images) continue;
    throw InputError(fmt::format(
        "recipe {}: {}.batch_size {} is more than the {} images of {} that are trained on (all "
        "but the validation_share of {:.3g})",
        recipe.name, name, phase->batch_size, num_images, data.name, recipe.validation_share));
  }
}

std::string target_directory(const RunConfig& config, double target_ms) {
  if (config.targets_ms.size() == 1) return config.directory;
  return fmt::format("{}/target-{}ms", config.directory, target_ms);
}

SearchResult run_search(const RunConfig& config, const Host& host, Step last) {
  check_data_fits(config);
  make_directory_of(config.directory + "/x");
  switch (config.method) {
    case Method::kS3nas:
    case Method::kFlops:
      return run_s3nas(config, host, last);
    case Method::kHurricane:
    case Method::kSpos:
    case Method::kRandom:
      return run_operators(config, host, last);
    case Method::kMobilenetV2:
    case Method::kEfficientnetLite:
      return run_published(config, host, last);
  }
  throw std::logic_error("unknown method");
}

}  // namespace tilewake
