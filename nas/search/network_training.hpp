// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "nas/network/block_network.hpp"
#include "nas/report/cost_log.hpp"
#include "nas/search/host.hpp"
#include "nas/search/run_config.hpp"
#include "nas/training/phase.hpp"

namespace tilewake {

/// What all training of a run has in common.
struct TrainingContext {
  const RunConfig& config;
  const Host& host;
  Split split;
  MetricsLog* metrics = nullptr;
  const CostLog* costs = nullptr;
};

/// A loader of the training images at the network's resolution, as `recipe` says.
std::unique_ptr<ImageLoader> training_loader(const TrainingContext& context,
                                             const PhaseRecipe& recipe, int resolution);
/// One of the images that every decision is validated on, of the first `max_images` of them (0 for
/// all); of training images as they are, not augmented; and of the test images.
std::unique_ptr<ImageLoader> validation_loader(const TrainingContext& context, int resolution,
                                               std::int64_t max_images = 0);
std::unique_ptr<ImageLoader> calibration_loader(const TrainingContext& context, int resolution,
                                                std::int64_t max_images);
std::unique_ptr<ImageLoader> test_loader(const TrainingContext& context, int resolution);

/// Options of a phase, filled with what is common.
PhaseOptions phase_options(const TrainingContext& context, const std::string& name,
                           const PhaseRecipe& recipe);

/// run_phase, whose cost goes into the context's log. Throws Interrupted.
PhaseResult run_counted(const TrainingContext& context, Learner& learner, ImageLoader& train,
                        const PhaseOptions& options);

/// A network trained from scratch.
struct TrainedNetwork {
  BlockNetwork network{nullptr};  // last weights, averaged where the recipe says so
  PhaseResult result;
};

/// Trains `architecture` by `recipe` and validates it after every epoch.
///   @param name             of the phase, in metrics.csv and on the progress line
///   @param checkpoint_path  resumed from and saved to; empty for none
///   @param best_path        where the weights of the best epoch go; empty for none
/// Throws Interrupted.
TrainedNetwork train_network(const TrainingContext& context, const Architecture& architecture,
                             const PhaseRecipe& recipe, const std::string& name,
                             const std::string& checkpoint_path, const std::string& best_path,
                             const std::string& fingerprint);

/// Logits of a network, which it puts into evaluation mode.
std::function<torch::Tensor(const torch::Tensor& images)> predictor_of(BlockNetwork network);

}  // namespace tilewake
