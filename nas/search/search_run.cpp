// SPDX-License-Identifier: Apache-2.0
#include "nas/search/search_run.hpp"

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "nas/search/measured.hpp"
#include "nas/search/operator_search.hpp"
#include "nas/search/s3nas.hpp"
#include "nas/search/scale_step.hpp"
#include "nas/search/step_settings.hpp"
#include "nas/search/steps.hpp"
#include "nas/space/published_networks.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/csv.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/one_line.hpp"
#include "simulator/common/version.hpp"

namespace tilewake {
namespace {

Architecture published_network(const RunContext& run) {
  const Shape& input = run.space.input;
  const int num_classes = run.space.num_classes;
  switch (run.method) {
    case Method::kMobilenetV2:
      return mobilenet_v2(input, num_classes);
    case Method::kMobilenetV3:
      return mobilenet_v3(input, num_classes);
    case Method::kEfficientnetLite:
      return efficientnet_lite0(input, num_classes);
    case Method::kDense:
      return dense_network(input, num_classes);
    default:
      throw std::logic_error("not a published network");
  }
}

/// Published networks are not searched: step "search" gives the network as published.
MethodSteps published_steps(const RunContext& run) {
  const Architecture published = published_network(run);
  check_limit(run, run.limits().back(), published.name + " as published", published);
  MethodSteps steps;
  steps.design.step = "design";
  steps.design.log.push_back("no search: " + in_one_line(published));
  steps.find = [&run, published](const Target& target) {
    StepRecord record;
    record.step = "search";
    record.fingerprint = step_settings(run, target, "published");
    record.architecture = published;
    measure(run, record);
    record.log.push_back(
        fmt::format("{} as published: {}", published.name, as_ms(*record.simulated_ms)));
    return record;
  };
  return steps;
}

MethodSteps steps_of(RunContext& run, Step last) {
  switch (run.method) {
    case Method::kS3nas:
    case Method::kFlops:
    case Method::kRandomMixconv:
      return s3nas_steps(run, last, run.directory);
    case Method::kHurricane:
    case Method::kSpos:
    case Method::kRandom:
    case Method::kGuided:
      return operator_steps(run);
    case Method::kMobilenetV2:
    case Method::kMobilenetV3:
    case Method::kEfficientnetLite:
    case Method::kDense:
      return published_steps(run);
  }
  throw std::logic_error("unknown method");
}

/// The lines of a record for decisions.csv.
std::string decisions_csv(const StepRecord& record) {
  const auto field = [](const std::optional<double>& value) {
    return value ? fmt::format("{}", *value) : std::string();
  };
  std::string text;
  auto candidate = record.candidates.begin();
  for (std::size_t i = 0; i < record.log.size(); ++i) {
    const bool is_candidate = candidate != record.candidates.end() && candidate->line == i;
    text += fmt::format("{},{},{},{},{}\n", csv_field(record.step),
                        is_candidate ? to_string(candidate->verdict) : "note",
                        is_candidate ? field(candidate->latency_ms) : "",
                        is_candidate ? field(candidate->accuracy) : "",
                        csv_field(one_line(record.log[i])));
    if (is_candidate) ++candidate;
  }
  return text;
}

/// decisions.log for people, and the same as decisions.csv for programs.
void write_decisions(const std::string& directory, const StepRecord& design,
                     const TargetResult& result) {
  std::string text;
  std::string csv = "# tilewake-decisions v1\nstep,kind,latency_ms,accuracy,text\n";
  const auto add = [&](const StepRecord& record) {
    text += fmt::format("== {}\n", record.step);
    for (const std::string& line : record.log) text += line + "\n";
    text += "\n";
    csv += decisions_csv(record);
  };
  add(design);
  for (const StepRecord& record : result.steps) add(record);
  for (const StepRecord& record : result.random) add(record);
  if (result.correlation) add(*result.correlation);
  write_file_atomically(directory + "/decisions.log", text);
  write_file_atomically(directory + "/decisions.csv", csv);
}

/// Compares the results of a step: what follows depends on them.
void check_ranks(const RunContext& run, const StepRecord& record) {
  if (run.ranks == nullptr) return;
  std::string text = record.architecture ? architecture_text(*record.architecture) : "";
  for (const std::string& line : record.log) text += line + "\n";
  run.ranks->check_same("the results of step " + record.step, fnv1a64(text));
}

/// The steps towards one target, up to `last`.
TargetResult run_target(const RunContext& run, const Target& target, const MethodSteps& steps,
                        Step last) {
  make_directory_of(target.directory + "/decisions.log");
  TargetResult result;
  result.target_ms = latency_limit(run, target);
  result.target_mj = energy_limit(run, target);
  result.limits = as_limit(run, target);
  result.directory = target.directory;
  const auto report = [&](const StepRecord& record) {
    write_decisions(target.directory, steps.design, result);
    run.log(fmt::format("{}: {}", record.step, record.log.back()));
  };
  const auto done = [&](StepRecord record) {
    check_ranks(run, record);
    result.steps.push_back(record);
    report(record);
    return record;
  };

  const StepRecord found = done(steps.find(target));
  if (last < Step::kScale) return result;
  StepRecord fitted = done(uses_operators(run.method) ? fill_step(run, target, found)
                                                      : scale_step(run, target, found));
  if (last < Step::kPostprocess) return result;
  if (searches_mixconv(run.method)) fitted = done(postprocess_step(run, target, found, fitted));
  if (last < Step::kTrain) return result;
  const StepRecord trained = done(train_step(run, target, fitted));
  if (last < Step::kEvaluate) return result;
  done(evaluate_step(run, target, trained));

  if (steps.correlate) {
    result.correlation = steps.correlate(target);
    report(*result.correlation);
  }
  for (int i = 0; steps.random && i < run.num_random; ++i) {
    result.random.push_back(steps.random(target, i));
    report(result.random.back());
  }
  return result;
}

}  // namespace

std::optional<TrainingSpread> training_spread(const TargetResult& target) {
  const std::vector<StepRecord>& steps = target.steps;
  if (steps.size() < 2 || steps.back().step != "evaluate") return {};
  TrainingSpread spread{steps[steps.size() - 2].values, steps.back().values};
  const std::size_t num_trainings = spread.test_accuracies.size();
  if (num_trainings < 2 || spread.validation_accuracies.size() != num_trainings) return {};
  return spread;
}

void check_data_fits(const RunContext& run) {
  const SearchSpace& space = run.space;
  const ImageData& data = run.data;
  if (data.channels != space.input.channels) {
    throw InputError(fmt::format("space {} takes images of {} channels, data {} has {}", space.name,
                                 space.input.channels, data.name, data.channels));
  }
  if (data.num_classes() != space.num_classes) {
    throw InputError(fmt::format("space {} has {} classes, data {} has {}", space.name,
                                 space.num_classes, data.name, data.num_classes()));
  }
  const Recipe& recipe = run.recipe;
  if (uses_operators(run.method) && recipe.supernet.drop_connect > 0.0) {
    throw InputError(
        fmt::format("recipe {}: supernet.drop_connect: must be 0: training single paths already "
                    "leaves blocks out",
                    recipe.name));
  }
  if (uses_operators(run.method) && recipe.supernet.ema_decay > 0.0) {
    throw InputError(
        fmt::format("recipe {}: supernet.ema_decay: must be 0: each step trains another path, so "
                    "an average over steps mixes networks",
                    recipe.name));
  }
  const Split split = split_train(*data.train, recipe.validation_share, run.seed);
  const auto num_images = static_cast<std::int64_t>(split.train.size());
  const bool has_supergraph = searches_mixconv(run.method);
  const std::tuple<const char*, const PhaseRecipe*, bool> phases[] = {
      {"supergraph", &recipe.supergraph, has_supergraph},
      {"search", &recipe.search, has_supergraph},
      {"ranking", &recipe.ranking, true},
      {"supernet", &recipe.supernet, uses_operators(run.method)},
      {"train", &recipe.train, true}};
  for (const auto& [name, phase, is_used] : phases) {
    if (!is_used || phase->batch_size <= num_images) continue;
    throw InputError(fmt::format(
        "recipe {}: {}.batch_size {} is more than the {} images of {} that are trained on (all "
        "but the validation_share of {:.3g})",
        recipe.name, name, phase->batch_size, num_images, data.name, recipe.validation_share));
  }
}

SearchResult run_search(RunContext run, Step last) {
  check_data_fits(run);
  make_directory_of(run.directory + "/space.yaml");
  run.split = split_train(*run.data.train, run.recipe.validation_share, run.seed);
  SearchResult result;
  result.measured_device = run.measured_device;
  const auto search = [&](RunContext& context, const std::vector<Target>& targets,
                          const MethodSteps& steps) {
    result.space = context.space;
    if (last < Step::kSearch) return;
    for (const Target& target : targets)
      result.targets.push_back(run_target(context, target, steps, last));
  };
  if (!sizes_supernet(run)) {
    const MethodSteps steps = steps_of(run, last);
    search(run, targets_of(run), steps);
    return result;
  }
  const std::vector<Target> targets = targets_of(run);
  const auto run_towards = [&](const Target& target, Step end) {
    RunContext of_target = run;
    if (targets.size() > 1)
      (run.targets_ms.empty() ? of_target.targets_mj : of_target.targets_ms) = {target.limit};
    make_directory_of(target.directory + "/space.yaml");
    const MethodSteps steps = s3nas_steps(of_target, end, target.directory);
    if (end == last) search(of_target, {target}, steps);
  };
  // A limit that cannot be met is known before anything is trained for another.
  if (targets.size() > 1) {
    for (const Target& target : targets) run_towards(target, Step::kDesign);
  }
  if (targets.size() == 1 || last > Step::kDesign) {
    for (const Target& target : targets) run_towards(target, last);
  }
  return result;
}

}  // namespace tilewake
