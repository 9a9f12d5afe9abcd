// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nas/network/block_network.hpp"
#include "nas/search/run_context.hpp"
#include "nas/training/phase.hpp"

namespace tilewake {

struct Teacher;

/// A loader of the training images at `resolution`, with batch size and augmentation of `recipe`.
std::unique_ptr<ImageLoader> training_loader(const RunContext& run, const PhaseRecipe& recipe,
                                             int resolution);
/// Loaders without augmentation: of the validation images, on which all decisions are based, or the
/// first `max_images` of them (0: all); of training images; of the test images.
std::unique_ptr<ImageLoader> validation_loader(const RunContext& run, int resolution,
                                               std::int64_t max_images = 0);
std::unique_ptr<ImageLoader> calibration_loader(const RunContext& run, int resolution,
                                                std::int64_t max_images);
std::unique_ptr<ImageLoader> test_loader(const RunContext& run, int resolution);

/// run_phase with the metrics in `directory` and the cost in the run's costs.csv. Fills in seed,
/// device, precision and callbacks of `options`. Throws Interrupted, InputError, TrainingError.
PhaseResult train_phase(const RunContext& run, const std::string& directory, Learner& learner,
                        ImageLoader& train, PhaseOptions options);

/// A module that is trained, and the logits that it gives.
struct TrainableModule {
  std::shared_ptr<torch::nn::Module> module;
  std::function<torch::Tensor(const torch::Tensor& images)> forward;
};

TrainableModule trainable(BlockNetwork network);

/// A network trained from scratch.
struct TrainedNetwork {
  BlockNetwork network{nullptr};  // last weights, averaged where the recipe has ema_decay
  PhaseResult result;
};

/// Files of a training; each may be empty.
struct TrainingFiles {
  std::string directory;    // of the metrics
  std::string checkpoint;   // resumed from and saved to
  std::string best;         // weights of the best epoch
  std::string fingerprint;  // of the checkpoint
};

/// Trains a module, which is on the run's device, by `recipe` on images of `resolution` pixels and
/// validates it after every epoch. At the end it has the last weights, averaged where the recipe
/// has ema_decay.
///   @param name     of the phase, in metrics.csv and on the progress line
///   @param teacher  for run.recipe.train_distillation; null: none
PhaseResult train_module(const RunContext& run, const TrainableModule& trained, int resolution,
                         const PhaseRecipe& recipe, const std::string& name,
                         const TrainingFiles& files, const Teacher* teacher = nullptr);

/// The same from scratch for `architecture`; `name` seeds the weights, too.
TrainedNetwork train_network(const RunContext& run, const Architecture& architecture,
                             const PhaseRecipe& recipe, const std::string& name,
                             const TrainingFiles& files, const Teacher* teacher = nullptr);

/// Logits of a module, which it puts into evaluation mode.
std::function<torch::Tensor(const torch::Tensor& images)> predictor_of(TrainableModule trained);
std::function<torch::Tensor(const torch::Tensor& images)> predictor_of(BlockNetwork network);

}  // namespace tilewake
