// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "nas/common/random.hpp"
#include "nas/export/onnx_writer.hpp"
#include "nas/report/paired.hpp"
#include "nas/search/bundle.hpp"
#include "nas/search/int8_model.hpp"
#include "nas/search/measured.hpp"
#include "nas/search/network_training.hpp"
#include "nas/search/step_settings.hpp"
#include "nas/search/steps.hpp"
#include "nas/search/teacher.hpp"
#include "nas/training/checkpoint.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/network/network_builder.hpp"

namespace tilewake {
namespace {

/// The name of a directory, for the network in it; "found" where it is not a valid network name.
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

/// A network with the weights in `path`.
BlockNetwork best_network(const RunContext& run, const Architecture& architecture,
                          const std::string& path) {
  BlockNetwork network(architecture);
  read_checkpoint(path, [&](const StateArchive& archive) { load_module(archive, *network); });
  network->to(run.device);
  return network;
}

/// Weights of one training of the winner, from 0: "weights.ckpt" for a single one.
std::string weights_path(const Target& target, const RunContext& run, int number) {
  return run.recipe.train_trainings == 1
             ? target.directory + "/weights.ckpt"
             : fmt::format("{}/weights-{}.ckpt", target.directory, number + 1);
}

/// One training of the winner, from 0. Another number has other weights, images in another order
/// and other augmentation; the validation images are the same.
PhaseResult train_winner(const RunContext& run, const Target& target,
                         const Architecture& architecture, const std::string& fingerprint,
                         int number, const Teacher* teacher) {
  const std::string name = number == 0 ? "train" : fmt::format("train-{}", number + 1);
  RunContext repeated = run;
  if (number > 0) repeated.seed = random_bits(run.seed, static_cast<std::uint64_t>(number));
  return train_network(repeated, architecture, run.recipe.train, name,
                       {target.directory, fmt::format("{}/{}.ckpt", target.directory, name),
                        weights_path(target, run, number), fingerprint},
                       teacher)
      .result;
}

std::size_t best_of(const std::vector<double>& accuracies) {
  return static_cast<std::size_t>(std::max_element(accuracies.begin(), accuracies.end()) -
                                  accuracies.begin());
}

/// "architecture.yaml", "model.onnx" and "deploy/" of the winner; its accuracies in int8.
void write_network(const RunContext& run, const Target& target, StepRecord& record,
                   BlockNetwork trained, const std::string& fingerprint) {
  const Architecture& architecture = *record.architecture;
  trained->to(torch::kCPU);
  BundledNetwork bundled = {architecture.name,          to_network(architecture),
                            folded_weights(trained),    *record.validation_accuracy,
                            *record.test_accuracy,      record.simulated_ms,
                            latency_limit(run, target), {}};
  const std::shared_ptr<const Teacher> teacher =
      run.recipe.train_qat.epochs > 0.0 ? teacher_of(run, target) : nullptr;
  bundled.int8 = int8_of(run, target.directory, bundled.network, bundled.weights, record,
                         fingerprint, teacher.get());
  const std::string onnx = onnx_model(bundled.network, bundled.weights);
  check_onnx_model(onnx, bundled.network);
  write_file_atomically(target.directory + "/model.onnx", onnx);
  const std::string comment = fmt::format(
      "Found by tilewake nas for {} under a limit of {}.\n{}; {} parameters, validation accuracy "
      "{}, test accuracy {}.",
      run.data.name, as_limit(run, target), measured_text(run, record),
      num_trained_params(architecture), as_percent(*record.validation_accuracy),
      as_percent(*record.test_accuracy));
  write_file_atomically(target.directory + "/architecture.yaml",
                        network_yaml(architecture, comment));
  write_bundle(run, target.directory, bundled, onnx);
}

}  // namespace

StepRecord train_step(const RunContext& run, const Target& target, const StepRecord& before) {
  const std::string fingerprint = step_settings(run, target, "train", before.fingerprint);
  return do_once(target.directory, "train", fingerprint, [&](StepRecord& record) {
    record.take_result_of(before);
    record.values.clear();
    const std::shared_ptr<const Teacher> teacher = teacher_of(run, target);
    if (teacher) record.log.push_back(distillation_text(*teacher, run.recipe.train_distillation));
    const int num_trainings = run.recipe.train_trainings;
    for (int i = 0; i < num_trainings; ++i) {
      const PhaseResult trained =
          train_winner(run, target, *before.architecture, fingerprint, i, teacher.get());
      record.values.push_back(trained.best_accuracy);
      record.log.push_back(
          fmt::format("{}validation accuracy {} after the best epoch (step {}), {} after the last",
                      num_trainings == 1 ? "" : fmt::format("training {}: ", i + 1),
                      as_percent(trained.best_accuracy), trained.best_step,
                      as_percent(trained.validation.value().share())));
    }
    record.validation_accuracy = record.values[best_of(record.values)];
    if (num_trainings == 1) return;
    const std::size_t kept = best_of(record.values);
    BlockNetwork best =
        best_network(run, *before.architecture, weights_path(target, run, static_cast<int>(kept)));
    best->to(torch::kCPU);
    write_checkpoint(target.directory + "/weights.ckpt",
                     [&](StateArchive& archive) { save_module(archive, *best); });
    record.log.push_back(fmt::format("training {} is kept; validation accuracy of all: mean {}",
                                     kept + 1, spread_text(record.values)));
  });
}

StepRecord evaluate_step(const RunContext& run, const Target& target, const StepRecord& trained) {
  const std::string fingerprint = step_settings(run, target, "evaluate", trained.fingerprint);
  return do_once(target.directory, "evaluate", fingerprint, [&](StepRecord& record) {
    record.take_result_of(trained);
    record.values.clear();
    record.architecture->name = name_after(target.directory);
    const Architecture& architecture = *record.architecture;
    const auto loader = test_loader(run, static_cast<int>(architecture.input.height));
    const auto test = [&](BlockNetwork network) {
      return evaluate(predictor_of(std::move(network)), *loader, run.device, run.ranks);
    };
    BlockNetwork best = best_network(run, architecture, target.directory + "/weights.ckpt");
    const Accuracy accuracy = test(best);
    record.test_accuracy = accuracy.share();
    record.test_error = accuracy.standard_error();
    record.validation_error = binomial_error(
        *record.validation_accuracy, static_cast<std::int64_t>(run.split.validation.size()));
    measure(run, record);
    if (run.recipe.train_trainings > 1) {
      for (int i = 0; i < run.recipe.train_trainings; ++i)
        record.values.push_back(
            test(best_network(run, architecture, weights_path(target, run, i))).share());
      record.log.push_back("test accuracy of all trainings: mean " + spread_text(record.values));
    } else {
      record.values = {accuracy.share()};
    }
    record.log.push_back(fmt::format("test accuracy {} of {} images",
                                     as_percent(accuracy.share(), accuracy.standard_error()),
                                     accuracy.num_images));
    write_network(run, target, record, best, fingerprint);
  });
}

StepRecord train_for_comparison(const RunContext& run, const Target& target,
                                Architecture architecture, const std::string& name) {
  architecture.name = name;
  const std::string checkpoint = fmt::format("{}/{}.ckpt", target.directory, name);
  const std::string fingerprint =
      step_settings(run, target, "random-network", architecture_text(architecture));
  const StepRecord done = do_once(target.directory, name, fingerprint, [&](StepRecord& record) {
    record.architecture = architecture;
    const std::shared_ptr<const Teacher> teacher = teacher_of(run, target);
    const TrainedNetwork trained =
        train_network(run, architecture, run.recipe.train, name,
                      {target.directory, checkpoint, /*best=*/"", fingerprint}, teacher.get());
    record.validation_accuracy = trained.result.best_accuracy;
    measure(run, record);
    record.log.push_back(in_one_line(architecture));
    record.log.push_back(fmt::format("{}, validation accuracy {}", measured_text(run, record),
                                     as_percent(*record.validation_accuracy)));
  });
  std::filesystem::remove(checkpoint);
  return done;
}

}  // namespace tilewake
