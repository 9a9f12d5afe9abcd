// SPDX-License-Identifier: Apache-2.0
#include "nas/network/normalization.hpp"

#include <cstdint>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "tests/nas/supernet/torch_test.hpp"

namespace tilewake {
namespace {

using torch::Tensor;
using NormalizationTest = TorchTest;

const std::vector<Activation> kActivations = {Activation::kNone, Activation::kRelu,
                                              Activation::kRelu6, Activation::kHswish};

/// Also those of ambiguous memory layout (one channel, one pixel), no whole vector, and several
/// pieces, the last one a short one; then several to a group.
const std::vector<std::vector<std::int64_t>> kShapes = {
    {7, 1, 1, 1},     {5, 3, 1, 1},    {1, 1, 4, 5},    {3, 17, 5, 4},
    {16, 24, 14, 14}, {9, 96, 28, 28}, {16, 96, 40, 40}};

/// Channels of unlike mean and spread, so that activations bend everywhere.
torch::nn::BatchNorm2d random_norm(std::int64_t channels) {
  const torch::NoGradGuard no_grad;
  torch::nn::BatchNorm2d bn = batch_norm(static_cast<int>(channels));
  bn->weight.uniform_(0.5, 3.0);
  bn->bias.uniform_(-2.0, 3.0);
  bn->running_mean.uniform_(-1.0, 1.0);
  bn->running_var.uniform_(0.5, 2.0);
  return bn;
}

Tensor random_map(const std::vector<std::int64_t>& shape) {
  const std::vector<std::int64_t> a_channel = {1, shape[1], 1, 1};
  return torch::randn(shape) * (torch::rand(a_channel) * 3 + 0.5) + torch::randn(a_channel) * 5;
}

struct Step {
  Tensor y;
  std::vector<Tensor> gradients;  // of x, weight, bias
  Tensor running_mean;
  Tensor running_var;
  std::int64_t num_batches = 0;
};

/// One training step's part of a copy of `bn`, in the element type of x.
template <typename Normalize>
Step step(const torch::nn::BatchNorm2d& bn, const Tensor& x, const Tensor& gradient,
          const Normalize& normalize) {
  torch::nn::BatchNorm2d copy = batch_norm(static_cast<int>(x.size(1)));
  {
    const torch::NoGradGuard no_grad;
    copy->weight.copy_(bn->weight);
    copy->bias.copy_(bn->bias);
    copy->running_mean.copy_(bn->running_mean);
    copy->running_var.copy_(bn->running_var);
  }
  copy->to(x.scalar_type());
  const Tensor input = x.detach().clone().requires_grad_();
  Step s;
  s.y = normalize(copy, input);
  s.gradients = torch::autograd::grad({s.y}, {input, copy->weight, copy->bias}, {gradient});
  s.running_mean = copy->running_mean;
  s.running_var = copy->running_var;
  s.num_batches = copy->num_batches_tracked.item<std::int64_t>();
  return s;
}

Step own_step(const torch::nn::BatchNorm2d& bn, const Tensor& x, const Tensor& gradient,
              Activation activation) {
  return step(bn, x, gradient, [&](torch::nn::BatchNorm2d& copy, const Tensor& input) {
    return normalize_and_activate(copy, input, activation);
  });
}

/// In double precision.
Step library_step(const torch::nn::BatchNorm2d& bn, const Tensor& x, const Tensor& gradient,
                  Activation activation) {
  return step(bn, x.to(torch::kDouble), gradient.to(torch::kDouble),
              [&](torch::nn::BatchNorm2d& copy, const Tensor& input) {
                return normalize_by_library(copy, input, copy->weight, copy->bias, activation);
              });
}

TEST_F(NormalizationTest, TrainingIsThatOfTheLibraryInDoublePrecision) {
  for (const std::vector<std::int64_t>& shape : kShapes) {
    for (const Activation activation : kActivations) {
      SCOPED_TRACE(testing::Message()
                   << torch::IntArrayRef(shape) << ", activation " << static_cast<int>(activation));
      const torch::nn::BatchNorm2d bn = random_norm(shape[1]);
      const Tensor x = random_map(shape);
      const Tensor gradient = torch::randn(shape);
      const Step own = own_step(bn, x, gradient, activation);
      const Step library = library_step(bn, x, gradient, activation);
      EXPECT_TRUE(own.y.is_contiguous(torch::MemoryFormat::ChannelsLast));
      EXPECT_LT(relative_difference(own.y, library.y), 1e-5);
      for (std::size_t i = 0; i < own.gradients.size(); ++i)
        EXPECT_LT(relative_difference(own.gradients[i], library.gradients[i]), 1e-4)
            << "gradient " << i;
      EXPECT_LT(relative_difference(own.running_mean, library.running_mean), 1e-6);
      EXPECT_LT(relative_difference(own.running_var, library.running_var), 1e-6);
      EXPECT_EQ(own.num_batches, 1);
    }
  }
}

TEST_F(NormalizationTest, EvaluationUsesTheStatisticsAndLeavesThem) {
  for (const std::vector<std::int64_t>& shape : kShapes) {
    for (const Activation activation : kActivations) {
      torch::nn::BatchNorm2d bn = random_norm(shape[1]);
      bn->eval();
      const Tensor mean = bn->running_mean.clone();
      const Tensor variance = bn->running_var.clone();
      const Tensor x = random_map(shape);
      const Tensor expected = normalize_by_library(bn, x, bn->weight, bn->bias, activation);
      EXPECT_LT(relative_difference(normalize_and_activate(bn, x, activation), expected), 1e-5);
      const torch::NoGradGuard no_grad;
      EXPECT_LT(relative_difference(normalize_and_activate(bn, x, activation), expected), 1e-5);
      EXPECT_TRUE(bn->running_mean.equal(mean));
      EXPECT_TRUE(bn->running_var.equal(variance));
      EXPECT_EQ(bn->num_batches_tracked.item<std::int64_t>(), 0);
    }
  }
}

TEST_F(NormalizationTest, GradientsReachWeightsThatAreComputed) {
  torch::nn::BatchNorm2d bn = random_norm(12);
  const Tensor x = random_map({4, 12, 6, 6});
  const Tensor factor = torch::rand({12}).requires_grad_();
  const auto gradient_of_factor = [&](auto normalize) {
    const Tensor y = normalize(bn, x, bn->weight * factor, bn->bias * factor, Activation::kRelu);
    return torch::autograd::grad({(y * y).sum()}, {factor})[0];
  };
  const auto own = [](auto&&... a) { return normalize_and_activate(a...); };
  EXPECT_LT(relative_difference(gradient_of_factor(own), gradient_of_factor(normalize_by_library)),
            1e-4);
}

TEST_F(NormalizationTest, AMeanFarFromZeroCostsNoAccuracy) {
  const torch::nn::BatchNorm2d bn = random_norm(8);
  const Tensor x = torch::randn({8, 8, 28, 28}) + 1000;
  const Tensor gradient = torch::randn(x.sizes());
  const Step own = own_step(bn, x, gradient, Activation::kNone);
  const Step library = library_step(bn, x, gradient, Activation::kNone);
  EXPECT_LT(relative_difference(own.running_var, library.running_var), 1e-5);
  EXPECT_LT(relative_difference(own.gradients[1], library.gradients[1]), 1e-3);
  EXPECT_LT(relative_difference(own.y, library.y), 1e-3);  // x itself has 6e-5 left
}

TEST_F(NormalizationTest, TheNumberOfThreadsChangesNoBit) {
  for (const std::vector<std::int64_t>& shape :
       std::vector<std::vector<std::int64_t>>{{32, 40, 14, 14}, {16, 1100, 12, 12}}) {
    const torch::nn::BatchNorm2d bn = random_norm(shape[1]);
    const Tensor x = random_map(shape);
    const Tensor gradient = torch::randn(shape);
    torch::set_num_threads(1);
    const Step one = own_step(bn, x, gradient, Activation::kHswish);
    torch::set_num_threads(3);
    const Step three = own_step(bn, x, gradient, Activation::kHswish);
    EXPECT_TRUE(one.y.equal(three.y));
    EXPECT_TRUE(one.running_var.equal(three.running_var));
    for (std::size_t i = 0; i < one.gradients.size(); ++i)
      EXPECT_TRUE(one.gradients[i].equal(three.gradients[i])) << "gradient " << i;
  }
}

TEST_F(NormalizationTest, NanIsPreserved) {
  const std::vector<std::int64_t> shape = {2, 9, 4, 4};
  for (const Activation activation : kActivations) {
    torch::nn::BatchNorm2d bn = random_norm(shape[1]);
    Tensor x = random_map(shape);
    x[0][0][1][1] = std::numeric_limits<float>::quiet_NaN();
    const Step own = own_step(bn, x, torch::ones(shape), activation);
    EXPECT_TRUE(own.y.select(1, 0).isnan().all().item<bool>());
    EXPECT_FALSE(own.y.slice(1, 1).isnan().any().item<bool>());
    EXPECT_TRUE(own.gradients[1][0].isnan().item<bool>());
    EXPECT_TRUE(own.running_mean[0].isnan().item<bool>());
    bn->eval();
    const torch::NoGradGuard no_grad;
    const Tensor y = normalize_and_activate(bn, x, activation);
    EXPECT_TRUE(y[0][0][1][1].isnan().item<bool>());
    EXPECT_EQ(y.isnan().sum().item<std::int64_t>(), 1);
  }
}

TEST_F(NormalizationTest, SizesThatDoNotFitAreRefused) {
  torch::nn::BatchNorm2d bn = random_norm(3);
  const Activation none = Activation::kNone;
  EXPECT_THROW(normalize_and_activate(bn, torch::randn({2, 4, 5, 5}), none), c10::Error);
  EXPECT_THROW(normalize_and_activate(bn, torch::randn({2, 3}), none), c10::Error);
  const Tensor x = torch::randn({2, 3, 5, 5});
  EXPECT_THROW(normalize_and_activate(bn, x, torch::ones(2), bn->bias, none), c10::Error);
  EXPECT_THROW(normalize_and_activate(bn, x, bn->weight, torch::ones({3, 1}), none), c10::Error);
}

TEST_F(NormalizationTest, OneValueAChannelCannotBeTrainedWith) {
  torch::nn::BatchNorm2d bn = random_norm(3);
  const Tensor x = torch::randn({1, 3, 1, 1});
  EXPECT_THROW(normalize_and_activate(bn, x, Activation::kRelu), c10::Error);
  EXPECT_EQ(bn->num_batches_tracked.item<std::int64_t>(), 0);
  bn->eval();
  EXPECT_NO_THROW(normalize_and_activate(bn, x, Activation::kRelu));
}

TEST_F(NormalizationTest, ASecondDerivativeIsRefused) {
  torch::nn::BatchNorm2d bn = random_norm(3);
  const Tensor x = random_map({2, 3, 4, 4}).requires_grad_();
  const Tensor y = normalize_and_activate(bn, x, Activation::kRelu);
  EXPECT_THROW(torch::autograd::grad({y.sum()}, {x}, {}, true, /*create_graph=*/true), c10::Error);
}

}  // namespace
}  // namespace tilewake
