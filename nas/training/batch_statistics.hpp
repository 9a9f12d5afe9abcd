// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <torch/torch.h>

#include "nas/data/image_loader.hpp"

namespace tilewake {

/// Update rate of the running statistics of batch normalisation: a new batch has the weight
/// max(momentum, 9 / (10 + step)), like the start of an EMA of weights. With the published momentum
/// of 0.01 alone, two thirds of the statistics after 40 steps are still the initial values.
class BatchStatistics {
 public:
  explicit BatchStatistics(torch::nn::Module& module);
  ~BatchStatistics();  // restores the momenta of the layers
  BatchStatistics(const BatchStatistics&) = delete;
  BatchStatistics& operator=(const BatchStatistics&) = delete;

  /// @param step  of the phase, from 0
  void begin_step(std::int64_t step);

 private:
  struct Layer {
    torch::nn::BatchNorm2dImpl* module;
    double momentum;  // original value of the layer
  };
  std::vector<Layer> layers_;
};

/// In its scope, batch normalisation in training mode leaves the running statistics as they are:
/// for passes that only try something out.
class FrozenBatchStatistics {
 public:
  explicit FrozenBatchStatistics(torch::nn::Module& module);
  ~FrozenBatchStatistics();
  FrozenBatchStatistics(const FrozenBatchStatistics&) = delete;
  FrozenBatchStatistics& operator=(const FrozenBatchStatistics&) = delete;

 private:
  struct Layer {
    torch::nn::BatchNorm2dImpl* module;
    c10::optional<double> momentum;
    torch::Tensor num_batches;
  };
  std::vector<Layer> layers_;
};

/// Sets running means and variances of batch normalisation to the averages of its inputs over
/// `batches`, weighted by their images (a batch's variance is unbiased, around its own mean).
/// Needed for weights shared by several networks during training: the running statistics then fit
/// none of them. Layers not reached by `forward` keep their statistics. Weights, modes, batch
/// counters and momenta below `module` are unchanged.
///
/// @param forward  runs `module`, or a part of it, on images, with the same layers for every batch;
///                 only batch normalisation is in training mode; no gradients
/// @param batches  images on the module's device; at least one batch
///
/// If `forward` throws, the statistics are unchanged.
void recalibrate_batch_statistics(torch::nn::Module& module,
                                  const std::function<void(const torch::Tensor& images)>& forward,
                                  const std::vector<torch::Tensor>& batches);

/// The same over the first `num_images` (at least 1) of `loader`'s epoch 0, or all of that epoch.
/// Returns the number of images.
std::int64_t recalibrate_batch_statistics(
    torch::nn::Module& module, const std::function<void(const torch::Tensor& images)>& forward,
    ImageLoader& loader, std::int64_t num_images, torch::Device device);

/// Returns those images, for repeated recalibration.
std::vector<torch::Tensor> first_images(ImageLoader& loader, std::int64_t num_images,
                                        torch::Device device);

}  // namespace tilewake
