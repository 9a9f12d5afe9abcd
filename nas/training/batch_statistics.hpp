// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <torch/torch.h>

#include "nas/data/image_loader.hpp"

namespace tilewake {

/// How fast the running statistics of batch normalisation follow: the new batch counts
/// max(momentum, 9 / (10 + step)), as an EMA of weights begins. With the published momentum of 0.01
/// alone, a network of 40 steps is validated with statistics two thirds of which are those it was
/// initialised with.
class BatchStatistics {
 public:
  explicit BatchStatistics(torch::nn::Module& module);
  ~BatchStatistics();  // the layers have momenta of their own again
  BatchStatistics(const BatchStatistics&) = delete;
  BatchStatistics& operator=(const BatchStatistics&) = delete;

  /// @param step  of the phase, from 0
  void begin_step(std::int64_t step);

 private:
  struct Layer {
    torch::nn::BatchNorm2dImpl* module;
    double momentum;  // of its own
  };
  std::vector<Layer> layers_;
};

/// Sets running means and variances of batch normalisation to the averages over `batches` of what
/// it normalises, each batch counting by its images (a batch's variance is unbiased, and about its
/// own mean): weights that several networks shared while they were trained fit the statistics of
/// none of them. Layers that `forward` does not come by keep theirs, and so does everything else
/// below `module`: weights, modes, counts of batches, and momenta, whoever set them.
///
///   @param forward  runs `module`, or a part of it, on images, by the same layers for every batch.
///                   Of all modules only batch normalisation is in training mode; no gradients
///   @param batches  images on the module's device; at least one batch
///
/// Where `forward` throws, statistics are as they were.
void recalibrate_batch_statistics(torch::nn::Module& module,
                                  const std::function<void(const torch::Tensor& images)>& forward,
                                  const std::vector<torch::Tensor>& batches);

/// The same over the first `num_images` (at least 1) of `loader`'s epoch 0, or all of that epoch.
/// Returns how many they were.
std::int64_t recalibrate_batch_statistics(
    torch::nn::Module& module, const std::function<void(const torch::Tensor& images)>& forward,
    ImageLoader& loader, std::int64_t num_images, torch::Device device);

/// Those images, for whoever recalibrates often.
std::vector<torch::Tensor> first_images(ImageLoader& loader, std::int64_t num_images,
                                        torch::Device device);

}  // namespace tilewake
