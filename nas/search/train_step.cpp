// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include <fmt/format.h>

#include "nas/export/onnx_writer.hpp"
#include "nas/search/network_training.hpp"
#include "nas/search/step_settings.hpp"
#include "nas/search/steps.hpp"
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

/// "architecture.yaml" and "model.onnx" of the winner.
void write_network(const RunContext& run, const Target& target, const StepRecord& record,
                   BlockNetwork trained) {
  const Architecture& architecture = *record.architecture;
  const Network network = to_network(architecture);
  trained->to(torch::kCPU);
  const std::string onnx = onnx_model(network, folded_weights(trained));
  check_onnx_model(onnx, network);
  write_file_atomically(target.directory + "/model.onnx", onnx);
  const std::string comment = fmt::format(
      "Found by tilewake nas for {} under a limit of {}.\nEstimated {}, simulated {}; {} "
      "parameters, validation accuracy {}, test accuracy {}.",
      run.data.name, as_ms(target.limit_ms), as_ms(*record.estimated_ms),
      as_ms(*record.simulated_ms), num_trained_params(architecture),
      as_percent(*record.validation_accuracy), as_percent(*record.test_accuracy));
  write_file_atomically(target.directory + "/architecture.yaml",
                        network_yaml(architecture, comment));
}

}  // namespace

StepRecord train_step(const RunContext& run, const Target& target, const StepRecord& before) {
  const std::string fingerprint = step_settings(run, target, "train", before.fingerprint);
  return do_once(target.directory, "train", fingerprint, [&](StepRecord& record) {
    record.take_result_of(before);
    const PhaseResult trained = train_network(run, *before.architecture, run.recipe.train, "train",
                                              {target.directory, target.directory + "/train.ckpt",
                                               target.directory + "/weights.ckpt", fingerprint})
                                    .result;
    record.validation_accuracy = trained.best_accuracy;
    record.log.push_back(
        fmt::format("validation accuracy {} after the best epoch (step {}), {} after the last",
                    as_percent(trained.best_accuracy), trained.best_step,
                    as_percent(trained.validation.value().share())));
  });
}

StepRecord evaluate_step(const RunContext& run, const Target& target, const StepRecord& trained) {
  const std::string fingerprint = step_settings(run, target, "evaluate", trained.fingerprint);
  return do_once(target.directory, "evaluate", fingerprint, [&](StepRecord& record) {
    record.take_result_of(trained);
    record.architecture->name = name_after(target.directory);
    const Architecture& architecture = *record.architecture;
    BlockNetwork best = best_network(run, architecture, target.directory + "/weights.ckpt");
    const auto loader = test_loader(run, static_cast<int>(architecture.input.height));
    const Accuracy accuracy = evaluate(predictor_of(best), *loader, run.device);
    record.test_accuracy = accuracy.share();
    record.estimated_ms = run.estimate(to_network(architecture));
    record.simulated_ms = run.simulate(to_network(architecture));
    record.log.push_back(fmt::format("test accuracy {} (+-{}) of {} images",
                                     as_percent(accuracy.share()),
                                     as_percent(accuracy.standard_error()), accuracy.num_images));
    write_network(run, target, record, best);
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
    const TrainedNetwork trained =
        train_network(run, architecture, run.recipe.train, name,
                      {target.directory, checkpoint, /*best=*/"", fingerprint});
    record.validation_accuracy = trained.result.best_accuracy;
    record.estimated_ms = run.estimate(to_network(architecture));
    record.simulated_ms = run.simulate(to_network(architecture));
    record.log.push_back(in_one_line(architecture));
    record.log.push_back(fmt::format("estimated {}, simulated {}, validation accuracy {}",
                                     as_ms(*record.estimated_ms), as_ms(*record.simulated_ms),
                                     as_percent(*record.validation_accuracy)));
  });
  std::filesystem::remove(checkpoint);
  return done;
}

}  // namespace tilewake
