// SPDX-License-Identifier: Apache-2.0
#include "nas/search/search_run.hpp"

#include <filesystem>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "nas/common/random.hpp"
#include "nas/report/metrics_log.hpp"
#include "nas/search/steps.hpp"
#include "nas/search/supernet_learner.hpp"
#include "nas/space/outcome.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"

namespace tilewake {
namespace {

/// Step 1: how deep the stages are on this machine, and why.
StepRecord design_step(const RunConfig& config, const Host& host, SearchSpace& space) {
  StepRecord record;
  record.step = "design";
  if (space.has_depths()) {
    record.log.push_back("the space gives the depth of every stage");
  } else {
    const DepthDesign design =
        design_depths(space, [&](const Network& network) { return host.estimate(network); });
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
std::string supergraph_step(const TrainingRoom& room, const SearchSpace& space,
                            const std::string& fingerprint) {
  const Recipe& recipe = room.config.recipe;
  torch::manual_seed(random_bits(room.config.seed, fnv1a64("weights of supergraph")));
  Supernet supernet(space, gate_options(recipe.options));
  supernet->to(room.config.device);
  SupergraphLearner learner(supernet, recipe.supergraph, recipe.options);
  const auto train = training_loader(room, recipe.supergraph, static_cast<int>(space.input.height));
  PhaseOptions options = phase_options(room, "supergraph", recipe.supergraph);
  options.checkpoint_path = room.config.directory + "/supergraph.ckpt";
  options.fingerprint = fingerprint;
  if (run_phase(learner, *train, options).end == PhaseEnd::kInterrupted) throw Interrupted();
  return options.checkpoint_path;
}

void check_reachable(const SearchSpace& space, const LatencyTable& table, const Host& host,
                     double target_ms) {
  const std::vector<int> choices = fastest_choices(table);
  std::vector<Outcome> outcomes;
  const std::vector<BlockSpace> blocks = blocks_of(space);
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    outcomes.push_back(outcome_table(blocks[b]).outcomes[static_cast<std::size_t>(choices[b])]);
  }
  Architecture fastest = architecture_of(space, outcomes);
  fastest.name = "fastest";
  const double fastest_ms = host.estimate(to_network(fastest));
  if (fastest_ms <= target_ms) return;
  throw TargetMissed{
      target_ms, fastest_ms, std::move(fastest),
      fmt::format("no network of the space {} keeps to {}", space.name, as_ms(target_ms))};
}

/// Scaling would fill any limit: of networks that no space was made for, and that fit no memory.
void check_sensible(const SearchSpace& space, const Host& host, double target_ms) {
  constexpr double kMaxGrowth = 8.0;  // S3NAS scaled what it had found to 4.8 times the latency
  const double largest_ms = host.estimate(to_network(architecture_of(space, full_outcomes(space))));
  if (target_ms <= kMaxGrowth * largest_ms) return;
  throw InputError(fmt::format(
      "a limit of {} is more than {:.0f} times what the largest network of the space {} "
      "takes ({}); give a lower limit, or a space with larger networks",
      as_ms(target_ms), kMaxGrowth, space.name, as_ms(largest_ms)));
}

void write_decisions(const std::string& directory, const StepRecord& design,
                     const TargetResult& result) {
  std::string text;
  const auto add = [&](const StepRecord& record) {
    text += fmt::format("== {}\n", record.step);
    for (const std::string& line : record.log) text += line + "\n";
    text += "\n";
  };
  add(design);
  for (const StepRecord& record : result.steps) add(record);
  for (const StepRecord& record : result.random) add(record);
  write_file_atomically(directory + "/decisions.log", text);
}

/// Steps 2b to the end for one target.
class TargetRun {
 public:
  TargetRun(const TrainingRoom& training, const SearchSpace& space, const StepRecord& design,
            double target_ms, const std::string& fingerprint)
      : space_(space),
        design_(design),
        directory_(target_directory(training.config, target_ms)),
        training_(training),
        room_{training_,
              target_ms,
              directory_,
              fingerprint_of({fingerprint, fmt::format("{}", target_ms)}),
              StepStore(directory_ + "/steps"),
              StepStore(training.config.directory + "/steps")} {
    make_directory_of(directory_ + "/x");
    // Several targets have metrics of their own.
    if (directory_ != training.config.directory) {
      metrics_.emplace(directory_);
      training_.metrics = &*metrics_;
    }
    result_.target_ms = target_ms;
    result_.directory = directory_;
  }

  TargetResult run(const LatencyTable& table, const std::string& supergraph, Step last) {
    const StepRecord search = done(search_step(room_, space_, table, supergraph));
    if (last < Step::kScale) return result_;
    const StepRecord scaled = done(scale_step(room_, search));
    if (last < Step::kPostprocess) return result_;
    const StepRecord postprocessed = done(postprocess_step(room_, search, scaled));
    if (last < Step::kTrain) return result_;
    const StepRecord trained = done(train_step(room_, postprocessed));
    if (last < Step::kEvaluate) return result_;
    const StepRecord evaluated = done(evaluate_step(room_, trained));
    for (int i = 0; i < room_.config().num_random; ++i) {
      result_.random.push_back(random_step(room_, space_, *evaluated.estimated_ms, i));
      room_.host().say(
          fmt::format("{}: {}", result_.random.back().step, result_.random.back().log.back()));
      write_decisions(directory_, design_, result_);
    }
    return result_;
  }

 private:
  StepRecord done(StepRecord record) {
    result_.steps.push_back(record);
    write_decisions(directory_, design_, result_);
    room_.host().say(fmt::format("{}: {}", record.step, record.log.back()));
    return record;
  }

  const SearchSpace& space_;
  const StepRecord& design_;
  std::string directory_;
  std::optional<MetricsLog> metrics_;
  TrainingRoom training_;
  TargetRoom room_;
  TargetResult result_;
};

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
  const Split split = split_train(*data.train, recipe.validation_share, config.seed);
  const auto num_images = static_cast<std::int64_t>(split.train.size());
  const std::pair<const char*, const PhaseRecipe*> phases[] = {{"supergraph", &recipe.supergraph},
                                                               {"search", &recipe.search},
                                                               {"ranking", &recipe.ranking},
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
  SearchResult result;
  result.space = config.space;
  const StepRecord design = design_step(config, host, result.space);
  for (const std::string& line : design.log) host.say("design: " + line);
  const LatencyTable table = tabulate(host.predictor, choice_space(result.space));
  check_reachable(result.space, table, host, config.targets_ms.front());
  check_sensible(result.space, host, config.targets_ms.back());
  if (last < Step::kSupergraph) return result;

  MetricsLog metrics(config.directory);
  TrainingRoom room{config, host,
                    split_train(*config.data.train, config.recipe.validation_share, config.seed),
                    &metrics};
  const std::string fingerprint = supergraph_fingerprint(config, result.space);
  const std::string supergraph = supergraph_step(room, result.space, fingerprint);
  if (last < Step::kSearch) return result;
  for (const double target_ms : config.targets_ms) {
    TargetRun run(room, result.space, design, target_ms, fingerprint);
    result.targets.push_back(run.run(table, supergraph, last));
  }
  return result;
}

}  // namespace tilewake
