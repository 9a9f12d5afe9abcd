// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "simulator/network/layer.hpp"

namespace tilewake {

/// The same numbers every time, on one thread.
class TorchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    at::set_num_threads(1);
    torch::manual_seed(1);
  }
};

/// NCHW images of normally distributed values.
inline torch::Tensor random_images(const Shape& shape, std::int64_t num_images) {
  return torch::randn({num_images, shape.channels, shape.height, shape.width});
}

/// Largest difference, relative to the largest value of `expected`; 0 where both are empty.
inline double relative_difference(const torch::Tensor& actual, const torch::Tensor& expected) {
  if (actual.numel() == 0 && expected.numel() == 0) return 0.0;
  const torch::Tensor a = actual.detach().to(torch::kDouble);
  const torch::Tensor e = expected.detach().to(torch::kDouble);
  return ((a - e).abs().max() / e.abs().max().clamp_min(1e-30)).item<double>();
}

/// Random state of all batch normalisations below `module`, as after training: mean,
/// variance, scale (sometimes negative) and shift.
inline void randomize_batch_norms(torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  for (const auto& child : module.modules()) {
    auto* bn = child->as<torch::nn::BatchNorm2dImpl>();
    if (bn == nullptr) continue;
    bn->running_mean.normal_(0.0, 0.3);
    bn->running_var.uniform_(0.3, 2.0);
    bn->weight.normal_(1.0, 0.5);
    bn->bias.normal_(0.0, 0.3);
  }
}

/// Central differences of a scalar function at `values` (double precision), one by one.
template <typename Function>
torch::Tensor finite_differences(torch::Tensor values, Function function, double step = 1e-6) {
  const torch::NoGradGuard no_grad;
  torch::Tensor gradient = torch::zeros_like(values);
  auto* at = values.data_ptr<double>();
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    const double value = at[i];
    at[i] = value + step;
    const double above = function().template item<double>();
    at[i] = value - step;
    const double below = function().template item<double>();
    at[i] = value;
    gradient.data_ptr<double>()[i] = (above - below) / (2.0 * step);
  }
  return gradient;
}

}  // namespace tilewake
