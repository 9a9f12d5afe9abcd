// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include <fmt/format.h>

#include "nas/common/random.hpp"
#include "nas/export/onnx_writer.hpp"
#include "nas/search/steps.hpp"
#include "nas/space/random_architecture.hpp"
#include "nas/training/checkpoint.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/network/network_builder.hpp"

namespace tilewake {
namespace {

constexpr double kLeastShare = 0.95;  // of the winner's latency, that a random network has
constexpr int kMaxDraws = 20'000;

std::string train_fingerprint(const TargetContext& context, const Architecture& architecture,
                              const std::string& before) {
  Recipe recipe;
  recipe.train = context.config().recipe.train;
  return fingerprint_of({before, architecture_text(architecture), recipe_yaml(recipe)});
}

/// A directory's name for the network in it; "found" where that can name none.
std::string name_after(const std::string& directory) {
  const auto path = std::filesystem::absolute(directory).lexically_normal();
  const std::string name = (path.has_filename() ? path : path.parent_path()).filename().string();
  try {
    check_name(name, "name");
  } catch (const InputError&) {
    return "found";
  }
  return name;
}

/// The best epoch's weights, in a network of their own.
BlockNetwork best_network(const TargetContext& context, const Architecture& architecture,
                          const std::string& path) {
  BlockNetwork network(architecture);
  read_checkpoint(path, [&](const StateArchive& archive) { load_module(archive, *network); });
  network->to(context.config().device);
  return network;
}

}  // namespace

StepRecord train_step(const TargetContext& context, const StepRecord& postprocessed) {
  const Architecture& architecture = *postprocessed.architecture;
  const std::string fingerprint =
      train_fingerprint(context, architecture, postprocessed.fingerprint);
  if (const auto done = context.steps.find("train", fingerprint)) return *done;
  StepRecord record = postprocessed;
  record.step = "train";
  record.fingerprint = fingerprint;
  record.log.clear();
  const TrainedNetwork trained = train_network(
      context.training, architecture, context.config().recipe.train, "train",
      context.directory + "/train.ckpt", context.directory + "/weights.ckpt", fingerprint);
  record.validation_accuracy = trained.result.best_accuracy;
  record.log.push_back(
      fmt::format("validation accuracy {} after the best epoch (step {}), {} after the last",
                  as_percent(trained.result.best_accuracy), trained.result.best_step,
                  as_percent(trained.result.validation.value().share())));
  context.steps.save("train", record);
  return record;
}

StepRecord evaluate_step(const TargetContext& context, const StepRecord& trained) {
  const std::string fingerprint = fingerprint_of({trained.fingerprint, "evaluate"});
  const std::optional<StepRecord> done = context.steps.find("evaluate", fingerprint);
  if (done) return *done;
  StepRecord record = trained;
  record.step = "evaluate";
  record.fingerprint = fingerprint;
  record.log.clear();
  record.architecture->name = name_after(context.directory);
  const Architecture& architecture = *record.architecture;
  const Network network = to_network(architecture);
  BlockNetwork best = best_network(context, architecture, context.directory + "/weights.ckpt");

  const auto loader = test_loader(context.training, static_cast<int>(architecture.input.height));
  const Accuracy accuracy = evaluate(predictor_of(best), *loader, context.config().device);
  record.test_accuracy = accuracy.share();
  record.estimated_ms = context.host().estimate(network);
  record.simulated_ms = context.host().simulate(network);
  record.log.push_back(fmt::format("test accuracy {} (+-{}) of {} images",
                                   as_percent(accuracy.share()),
                                   as_percent(accuracy.standard_error()), accuracy.num_images));

  best->to(torch::kCPU);
  const std::string onnx = onnx_model(network, folded_weights(best));
  check_onnx_model(onnx, network);
  write_file_atomically(context.directory + "/model.onnx", onnx);
  const std::string comment = fmt::format(
      "Found by tilewake nas for {} under a limit of {}.\nEstimated {}, simulated {}; {} "
      "parameters, validation accuracy {}, test accuracy {}.",
      context.config().data.name, as_ms(context.target_ms), as_ms(*record.estimated_ms),
      as_ms(*record.simulated_ms), num_trained_params(architecture),
      as_percent(*record.validation_accuracy), as_percent(*record.test_accuracy));
  write_file_atomically(context.directory + "/architecture.yaml",
                        network_yaml(architecture, comment));
  context.steps.save("evaluate", record);
  return record;
}

StepRecord random_step(const TargetContext& context, const SearchSpace& space, double latency_ms,
                       int index) {
  const std::string name = fmt::format("random-{}", index);
  const LatencyEstimate estimate = [&](const Network& n) { return context.host().estimate(n); };
  // Some that keep to the target by the estimate may not on the simulator.
  constexpr std::uint64_t kTries = 10;
  for (std::uint64_t i = 0; i < kTries; ++i) {
    const std::uint64_t seed =
        random_bits(context.config().seed, 0x72616e64, static_cast<std::uint64_t>(index), i);
    std::optional<Architecture> architecture = random_architecture_within(
        space, kLeastShare * latency_ms, latency_ms, estimate, seed, kMaxDraws);
    if (!architecture) break;
    if (simulate_within(context, to_network(*architecture)).missed.empty())
      return trained_alike(context, std::move(*architecture), name);
  }
  StepRecord none;
  none.step = name;
  none.log.push_back(
      fmt::format("none: of {} random networks of the space none takes between {} and {}",
                  kMaxDraws, as_ms(kLeastShare * latency_ms), as_ms(latency_ms)));
  return none;
}

StepRecord trained_alike(const TargetContext& context, Architecture architecture,
                         const std::string& name) {
  architecture.name = name;
  const std::string fingerprint = train_fingerprint(context, architecture, context.fingerprint);
  if (const auto done = context.steps.find(name, fingerprint)) return *done;
  StepRecord record;
  record.step = name;
  record.fingerprint = fingerprint;
  record.architecture = architecture;
  const std::string path = context.directory + "/" + name;
  const TrainedNetwork trained =
      train_network(context.training, architecture, context.config().recipe.train, name,
                    path + ".ckpt", "", fingerprint);
  record.validation_accuracy = trained.result.best_accuracy;
  record.estimated_ms = context.host().estimate(to_network(architecture));
  record.simulated_ms = context.host().simulate(to_network(architecture));
  record.log.push_back(in_one_line(architecture));
  record.log.push_back(fmt::format("estimated {}, simulated {}, validation accuracy {}",
                                   as_ms(*record.estimated_ms), as_ms(*record.simulated_ms),
                                   as_percent(*record.validation_accuracy)));
  context.steps.save(name, record);
  std::filesystem::remove(path + ".ckpt");
  return record;
}

}  // namespace tilewake
