// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cassert>
#include <cstddef>

#include "nas/training/phase.hpp"

namespace tilewake {

std::pair<torch::Tensor, torch::Tensor> to_tensors(const Batch& batch, torch::Device device) {
  assert(static_cast<std::int64_t>(batch.images.size()) ==
         batch.num_images * batch.height * batch.width * batch.channels);
  assert(static_cast<std::int64_t>(batch.labels.size()) == batch.num_images);
  // from_blob takes no const pointer; the views are only read, then copied.
  const torch::Tensor images =
      torch::from_blob(const_cast<float*>(batch.images.data()),
                       {batch.num_images, batch.height, batch.width, batch.channels}, torch::kFloat)
          .permute({0, 3, 1, 2});
  const torch::Tensor labels = torch::from_blob(const_cast<std::int64_t*>(batch.labels.data()),
                                                {batch.num_images}, torch::kLong);
  return {images.to(device, torch::kFloat, /*non_blocking=*/false, /*copy=*/true),
          labels.to(device, torch::kLong, /*non_blocking=*/false, /*copy=*/true)};
}

Accuracy evaluate(const std::function<torch::Tensor(const torch::Tensor& images)>& forward,
                  ImageLoader& loader, torch::Device device, Ranks* ranks) {
  const torch::NoGradGuard no_grad;
  // Sums stay on the device: reading them per batch would synchronize.
  torch::Tensor loss = torch::zeros({}, torch::TensorOptions(device).dtype(torch::kDouble));
  Accuracy accuracy;
  accuracy.num_images = loader.num_images();
  torch::Tensor correct =
      torch::zeros({accuracy.num_images}, torch::TensorOptions(device).dtype(torch::kByte));
  BatchShare share;
  if (ranks != nullptr) share = {ranks->rank(), ranks->size()};
  Batch batch;
  std::int64_t batch_begin = 0;
  loader.start(0, 0, share);
  while (loader.next(batch)) {
    const std::int64_t batch_size =
        std::min<std::int64_t>(loader.options().batch_size, accuracy.num_images - batch_begin);
    const std::int64_t begin = batch_begin + share.begin(batch_size);
    batch_begin += batch_size;
    if (batch.num_images == 0) continue;
    const auto [images, labels] = to_tensors(batch, device);
    const torch::Tensor logits = forward(images).to(torch::kFloat);
    loss += torch::nll_loss(torch::log_softmax(logits, 1), labels, {}, at::Reduction::Sum)
                .to(torch::kDouble);
    correct.narrow(0, begin, batch.num_images).copy_(logits.argmax(1).eq(labels));
  }
  if (accuracy.num_images == 0) return accuracy;
  const torch::Tensor flags = correct.to(torch::kCPU);
  loss = loss.to(torch::kCPU);
  if (ranks != nullptr) ranks->sum({flags, loss});
  const auto* first = flags.data_ptr<std::uint8_t>();
  accuracy.correct.assign(first, first + flags.numel());
  accuracy.num_correct = flags.sum().item<std::int64_t>();
  accuracy.loss = loss.item<double>() / static_cast<double>(accuracy.num_images);
  return accuracy;
}

}  // namespace tilewake
