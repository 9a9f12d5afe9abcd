// SPDX-License-Identifier: Apache-2.0
#include "nas/training/batch_statistics.hpp"

#include <algorithm>
#include <cassert>
#include <memory>
#include <utility>

#include "nas/training/phase.hpp"

namespace tilewake {
namespace {

using Images = std::function<void(const torch::Tensor& images)>;

/// In its scope, only batch normalisation is in training mode. The destructor restores everything,
/// except the statistics of the layers that ran if commit() was called.
class Recalibration {
 public:
  explicit Recalibration(torch::nn::Module& module);
  ~Recalibration();
  Recalibration(const Recalibration&) = delete;
  Recalibration& operator=(const Recalibration&) = delete;

  /// Starts a batch of `num_images`.
  void begin_batch(std::int64_t num_images);
  void commit() { is_committed_ = true; }

 private:
  struct Layer {
    torch::nn::BatchNorm2dImpl* module;
    c10::optional<double> momentum;
    torch::Tensor mean;
    torch::Tensor variance;
    torch::Tensor num_batches;
  };
  torch::nn::Module& module_;
  bool is_training_;                                                        // of module_
  std::vector<std::pair<std::shared_ptr<torch::nn::Module>, bool>> modes_;  // parents first
  std::vector<Layer> layers_;
  std::int64_t num_images_ = 0;
  bool is_committed_ = false;
};

Recalibration::Recalibration(torch::nn::Module& module)
    : module_(module), is_training_(module.is_training()) {
  const torch::NoGradGuard no_grad;
  for (const std::shared_ptr<torch::nn::Module>& part : module.modules(/*include_self=*/false)) {
    modes_.emplace_back(part, part->is_training());
    auto* layer = part->as<torch::nn::BatchNorm2dImpl>();
    if (layer == nullptr) continue;
    layers_.push_back({layer, layer->options.momentum(), layer->running_mean.clone(),
                       layer->running_var.clone(), layer->num_batches_tracked.clone()});
  }
  module.eval();
  for (const Layer& layer : layers_) {
    layer.module->train();
    layer.module->reset_running_stats();
  }
}

void Recalibration::begin_batch(std::int64_t num_images) {
  num_images_ += num_images;
  // Cumulative average: a batch is weighted by its share of all images so far.
  const double share = static_cast<double>(num_images) / static_cast<double>(num_images_);
  for (const Layer& layer : layers_) layer.module->options.momentum(share);
}

Recalibration::~Recalibration() {
  const torch::NoGradGuard no_grad;
  for (const Layer& layer : layers_) {
    const bool has_run = layer.module->num_batches_tracked.item<std::int64_t>() > 0;
    if (!is_committed_ || !has_run) {
      layer.module->running_mean.copy_(layer.mean);
      layer.module->running_var.copy_(layer.variance);
    }
    layer.module->num_batches_tracked.copy_(layer.num_batches);
    layer.module->options.momentum(layer.momentum);
  }
  module_.train(is_training_);
  for (const auto& [part, is_training] : modes_) part->train(is_training);
}

/// Calls f(images) for batches until `num_images` are processed; the last batch is truncated.
std::int64_t for_first_images(ImageLoader& loader, std::int64_t num_images, torch::Device device,
                              const Images& f) {
  assert(num_images >= 1);
  std::int64_t num_seen = 0;
  Batch batch;
  loader.start(0);
  while (num_seen < num_images && loader.next(batch)) {
    const torch::Tensor images = to_tensors(batch, device).first;
    const std::int64_t count = std::min(images.size(0), num_images - num_seen);
    f(images.narrow(0, 0, count));
    num_seen += count;
  }
  return num_seen;
}

}  // namespace

FrozenBatchStatistics::FrozenBatchStatistics(torch::nn::Module& module) {
  for (const std::shared_ptr<torch::nn::Module>& part : module.modules(/*include_self=*/false)) {
    auto* layer = part->as<torch::nn::BatchNorm2dImpl>();
    if (layer == nullptr) continue;
    layers_.push_back({layer, layer->options.momentum(), layer->num_batches_tracked.clone()});
    layer->options.momentum(0.0);
  }
}

FrozenBatchStatistics::~FrozenBatchStatistics() {
  const torch::NoGradGuard no_grad;
  for (Layer& layer : layers_) {
    layer.module->options.momentum(layer.momentum);
    layer.module->num_batches_tracked.copy_(layer.num_batches);
  }
}

BatchStatistics::BatchStatistics(torch::nn::Module& module) {
  for (const std::shared_ptr<torch::nn::Module>& part : module.modules(/*include_self=*/false)) {
    if (auto* layer = part->as<torch::nn::BatchNorm2dImpl>()) {
      layers_.push_back({layer, layer->options.momentum().value()});
    }
  }
}

BatchStatistics::~BatchStatistics() {
  for (const Layer& layer : layers_) layer.module->options.momentum(layer.momentum);
}

void BatchStatistics::begin_step(std::int64_t step) {
  const double share = 9.0 / (10.0 + static_cast<double>(step));
  for (const Layer& layer : layers_) {
    layer.module->options.momentum(std::max(layer.momentum, share));
  }
}

void recalibrate_batch_statistics(torch::nn::Module& module, const Images& forward,
                                  const std::vector<torch::Tensor>& batches) {
  assert(!batches.empty());
  const torch::NoGradGuard no_grad;
  Recalibration recalibration(module);
  for (const torch::Tensor& images : batches) {
    recalibration.begin_batch(images.size(0));
    forward(images);
  }
  recalibration.commit();
}

std::int64_t recalibrate_batch_statistics(torch::nn::Module& module, const Images& forward,
                                          ImageLoader& loader, std::int64_t num_images,
                                          torch::Device device) {
  const torch::NoGradGuard no_grad;
  Recalibration recalibration(module);
  const std::int64_t num_seen =
      for_first_images(loader, num_images, device, [&](const torch::Tensor& images) {
        recalibration.begin_batch(images.size(0));
        forward(images);
      });
  recalibration.commit();
  return num_seen;
}

std::vector<torch::Tensor> first_images(ImageLoader& loader, std::int64_t num_images,
                                        torch::Device device) {
  std::vector<torch::Tensor> batches;
  for_first_images(loader, num_images, device,
                   [&](const torch::Tensor& images) { batches.push_back(images); });
  return batches;
}

}  // namespace tilewake
