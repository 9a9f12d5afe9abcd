// SPDX-License-Identifier: Apache-2.0
#include "nas/supernet/superkernel.hpp"

#include <cmath>
#include <cstddef>

#include <gtest/gtest.h>

#include "tests/nas/supernet/small_space.hpp"
#include "tests/nas/supernet/torch_test.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/random.hpp"

namespace tilewake {
namespace {

using torch::Tensor;
using SuperKernelTest = TorchTest;

constexpr int kInChannels = 4;

std::vector<BranchSpace> branches() {
  return {branch_of({3}, {2}),          branch_of({3, 5}, {0, 2}),
          branch_of({3, 5, 7}, {0, 2}), branch_of({3, 5, 7}, {2, 4, 6}),
          branch_of({3}, {0, 1, 4}),    branch_of({5, 7}, {1, 3})};
}

/// Depthwise, and dense of some input channels.
constexpr int kDenseInputs[] = {0, 3};

SuperKernel double_kernel(const BranchSpace& space, const GateOptions& options = {},
                          int dense_inputs = 0) {
  SuperKernel kernel(space, kInChannels, options, dense_inputs);
  kernel->to(torch::kDouble);
  return kernel;
}

/// Thresholds near the norms, so that gates are open and closed.
void randomize_thresholds(SuperKernel& kernel, double low, double high) {
  const torch::NoGradGuard no_grad;
  for (Tensor thresholds : {kernel->kernel_thresholds, kernel->channel_thresholds}) {
    if (thresholds.defined()) thresholds.uniform_(low, high);
  }
}

double norm_of(const Tensor& region, std::int64_t num_elements, NormKind kind) {
  const double l2 = std::sqrt(region.square().sum().item<double>());
  return kind == NormKind::kL2 ? l2 : l2 / std::sqrt(static_cast<double>(num_elements));
}

/// The choice by the definition, with loops: kernel first, then the channels of the remaining
/// kernel.
BranchChoice expected_choice(const SuperKernel& kernel) {
  const BranchSpace& space = kernel->space;
  const NormKind kind = kernel->options.norm;
  const Tensor weight = kernel->weight.detach();
  const std::vector<Tensor> rings = ring_masks(space.kernels);
  BranchChoice choice;
  Tensor left = weight * rings[0];
  for (std::size_t r = 1; r < rings.size(); ++r) {
    const auto num_elements = rings[r].sum().item<std::int64_t>() * weight.size(0) * weight.size(1);
    const double norm = norm_of(weight * rings[r], num_elements, kind);
    if (norm < kernel->kernel_thresholds[static_cast<std::int64_t>(r) - 1].item<double>()) break;
    left = left + weight * rings[r];
    choice.kernel = static_cast<int>(r);
  }
  for (std::size_t i = 1; i < space.expansion_ratios.size(); ++i) {
    const int begin = space.expansion_ratios[i - 1] * kInChannels;
    const int end = space.expansion_ratios[i] * kInChannels;
    const Tensor band = left.narrow(0, begin, end - begin);
    const double norm = norm_of(band, band.numel(), kind);
    if (norm < kernel->channel_thresholds[static_cast<std::int64_t>(i) - 1].item<double>()) break;
    choice.expansion_ratio = static_cast<int>(i);
  }
  return choice;
}

TEST_F(SuperKernelTest, ChoicesFollowNormsAndThresholdsOneAfterTheOther) {
  for (const NormKind norm : {NormKind::kRms, NormKind::kL2}) {
    GateOptions options;
    options.norm = norm;
    for (const int dense_inputs : kDenseInputs) {
      for (const BranchSpace& space : branches()) {
        SuperKernel kernel = double_kernel(space, options, dense_inputs);
        for (int n = 0; n < 40; ++n) {
          const double typical = norm == NormKind::kRms ? 0.25 : 4.0;
          randomize_thresholds(kernel, 0.0, 2.0 * typical);
          const BranchChoice expected = expected_choice(kernel);
          const BranchChoice choice = kernel->choice();
          EXPECT_EQ(choice.kernel, expected.kernel);
          EXPECT_EQ(choice.expansion_ratio, expected.expansion_ratio);
        }
      }
    }
  }
}

TEST_F(SuperKernelTest, ProbabilitiesAreOneForTheChoiceAndZeroElsewhere) {
  for (const BranchSpace& space : branches()) {
    SuperKernel kernel(space, kInChannels, GateOptions());
    for (int n = 0; n < 20; ++n) {
      randomize_thresholds(kernel, 0.0, 0.5);
      const BranchChoice choice = kernel->choice();
      const BranchGates gates = kernel->gates();
      Tensor expected = torch::zeros({static_cast<std::int64_t>(space.kernels.size())});
      expected[choice.kernel] = 1.0;
      EXPECT_TRUE(gates.kernel_probabilities.equal(expected));
      expected = torch::zeros({static_cast<std::int64_t>(space.expansion_ratios.size())});
      expected[choice.expansion_ratio] = 1.0;
      EXPECT_TRUE(gates.expansion_probabilities.equal(expected));
      EXPECT_EQ(gates.present.defined(), space.can_vanish());
      if (space.can_vanish()) {
        EXPECT_EQ(gates.present.item<double>(), choice.expansion_ratio == 0 ? 0.0 : 1.0);
      }
    }
  }
}

TEST_F(SuperKernelTest, MaskedWeightIsTheWindowInTheMiddleAndChannelsTheFirstOnes) {
  for (const bool after_activation : {true, false}) {
    GateOptions options;
    options.mask_after_activation = after_activation;
    for (const BranchSpace& space : branches()) {
      SuperKernel kernel(space, kInChannels, options, space.can_vanish() ? 3 : 0);
      for (int n = 0; n < 20; ++n) {
        randomize_thresholds(kernel, 0.0, 0.5);
        const BranchGates gates = kernel->gates();
        const BranchChoice choice = kernel->choice();
        const int size = space.kernels[static_cast<std::size_t>(choice.kernel)];
        const std::int64_t num_channels =
            kInChannels * space.expansion_ratios[static_cast<std::size_t>(choice.expansion_ratio)];
        const std::int64_t begin = (space.max_kernel() - size) / 2;
        Tensor window = torch::zeros_like(kernel->weight);
        window.narrow(2, begin, size).narrow(3, begin, size).fill_(1.0);
        const Tensor channels =
            torch::arange(kernel->weight.size(0)).lt(num_channels).to(torch::kFloat);
        EXPECT_TRUE(kernel->channel_mask(gates).equal(channels));
        if (!after_activation) window = window * channels.view({-1, 1, 1, 1});
        EXPECT_TRUE(kernel->masked_weight(gates).equal(kernel->weight * window));
      }
    }
  }
}

TEST_F(SuperKernelTest, SmallerChoicesAreNestedInLargerOnes) {
  for (const int dense_inputs : kDenseInputs) {
    SuperKernel kernel(branch_of({3, 5, 7}, {0, 2, 4}), kInChannels, GateOptions(), dense_inputs);
    Tensor smaller = torch::zeros_like(kernel->weight);
    for (const double open : {0.0, 1.0, 2.0}) {
      const torch::NoGradGuard no_grad;
      for (std::int64_t i = 0; i < 2; ++i) {
        const double threshold = static_cast<double>(i) < open ? -1.0 : 1e3;
        kernel->kernel_thresholds[i] = threshold;
        kernel->channel_thresholds[i] = threshold;
      }
      const BranchGates gates = kernel->gates();
      const Tensor larger =
          kernel->masked_weight(gates) * kernel->channel_mask(gates).view({-1, 1, 1, 1});
      EXPECT_TRUE((larger * smaller.ne(0)).equal(smaller));
      smaller = larger;
    }
    EXPECT_TRUE(smaller.equal(kernel->weight));
  }
}

TEST_F(SuperKernelTest, RmsNormsOfAConstantWeightAreThatConstant) {
  for (const int dense_inputs : kDenseInputs) {
    SuperKernel kernel = double_kernel(branch_of({3, 5, 7}, {0, 2, 6}), {}, dense_inputs);
    const torch::NoGradGuard no_grad;
    kernel->weight.fill_(-0.3);
    for (const bool above : {false, true}) {
      const double threshold = above ? 0.3 + 1e-9 : 0.3 - 1e-9;
      kernel->kernel_thresholds.fill_(threshold);
      kernel->channel_thresholds.fill_(-1.0);
      EXPECT_EQ(kernel->choice().kernel, above ? 0 : 2);
      kernel->kernel_thresholds.fill_(-1.0);
      kernel->channel_thresholds.fill_(threshold);
      EXPECT_EQ(kernel->choice().expansion_ratio, above ? 0 : 2);
    }
  }
}

TEST_F(SuperKernelTest, RemovedRingsDoNotKeepChannels) {
  SuperKernel kernel = double_kernel(branch_of({3, 5}, {0, 2}));
  const torch::NoGradGuard no_grad;
  // Everything outside the middle 3x3: with kernel 3 nothing is left.
  kernel->weight.fill_(1.0);
  kernel->weight.narrow(2, 1, 3).narrow(3, 1, 3).fill_(0.0);
  kernel->channel_thresholds.fill_(0.1);
  EXPECT_EQ(kernel->choice().expansion_ratio, 1);
  kernel->kernel_thresholds.fill_(100.0);
  EXPECT_EQ(kernel->choice().kernel, 0);
  EXPECT_EQ(kernel->choice().expansion_ratio, 0);
}

/// sum of all gate outputs times fixed random factors.
Tensor weighted_sum(const BranchGates& gates, std::uint64_t seed) {
  Random random(seed);
  Tensor sum = torch::zeros({}, torch::kDouble);
  for (const Tensor& values : {gates.kernel, gates.channel, gates.present,
                               gates.kernel_probabilities, gates.expansion_probabilities}) {
    if (!values.defined()) continue;
    for (const Tensor& value : values.reshape({-1}).unbind())
      sum = sum + value * (static_cast<double>(random.between(-9, 9)) / 3.0);
  }
  return sum;
}

/// The same gates by plain autograd: gate = sigmoid + (step - sigmoid).detach() is straight through
/// by construction; the norm of each region is computed separately.
BranchGates slow_gates(const SuperKernel& kernel) {
  const BranchSpace& space = kernel->space;
  const GateOptions& options = kernel->options;
  const auto gate = [&](const Tensor& region, double num_elements, const Tensor& threshold) {
    const double scale = options.norm == NormKind::kRms ? 1.0 / std::sqrt(num_elements) : 1.0;
    const Tensor margin = region.square().sum().sqrt() * scale - threshold;
    const Tensor sigmoid = torch::sigmoid(margin / options.temperature);
    return sigmoid + (margin.ge(0).to(torch::kDouble) - sigmoid).detach();
  };
  const auto probabilities = [](const std::vector<Tensor>& nested) {
    std::vector<Tensor> result;
    for (std::size_t i = 0; i < nested.size(); ++i)
      result.push_back(i + 1 < nested.size() ? nested[i] - nested[i + 1] : nested[i]);
    return torch::stack(result);
  };
  const std::vector<Tensor> rings = ring_masks(space.kernels);
  std::vector<Tensor> kernels = {torch::ones({}, torch::kDouble)};
  Tensor left = kernel->weight * rings[0];
  for (std::size_t r = 1; r < rings.size(); ++r) {
    const double num_elements =
        rings[r].sum().item<double>() *
        static_cast<double>(kernel->weight.size(0) * kernel->weight.size(1));
    kernels.push_back(kernels.back() *
                      gate(kernel->weight * rings[r], num_elements,
                           kernel->kernel_thresholds[static_cast<std::int64_t>(r) - 1]));
    left = left + kernels.back() * (kernel->weight * rings[r]);
  }
  std::vector<Tensor> channels = {torch::ones({}, torch::kDouble)};
  BranchGates gates;
  for (std::size_t i = 1; i < space.expansion_ratios.size(); ++i) {
    const int begin = space.expansion_ratios[i - 1] * kInChannels;
    const int end = space.expansion_ratios[i] * kInChannels;
    const Tensor band = left.narrow(0, begin, end - begin);
    const Tensor open = gate(band, static_cast<double>(band.numel()),
                             kernel->channel_thresholds[static_cast<std::int64_t>(i) - 1]);
    if (i == 1 && space.can_vanish()) gates.present = open;
    channels.push_back(channels.back() * open);
  }
  gates.kernel = torch::stack(kernels);
  gates.kernel_probabilities = probabilities(kernels);
  gates.expansion_probabilities = probabilities(channels);
  if (space.can_vanish()) channels.erase(channels.begin());
  gates.channel = torch::stack(channels);
  return gates;
}

TEST_F(SuperKernelTest, GatesAndTheirGradientsAreThoseOfPlainAutograd) {
  for (const NormKind norm : {NormKind::kRms, NormKind::kL2}) {
    for (const BranchSpace& space : branches()) {
      GateOptions options;
      options.norm = norm;
      options.temperature = 0.5;
      SuperKernel kernel = double_kernel(space, options, space.can_vanish() ? 3 : 0);
      if (kernel->parameters().size() == 1) continue;  // nothing to gate
      for (std::uint64_t n = 0; n < 10; ++n) {
        randomize_thresholds(kernel, 0.0, norm == NormKind::kRms ? 0.5 : 8.0);
        kernel->zero_grad();
        weighted_sum(kernel->gates(), n).backward();
        std::vector<Tensor> gradients;
        for (const Tensor& parameter : kernel->parameters())
          gradients.push_back(parameter.grad().clone());
        kernel->zero_grad();
        const Tensor expected = weighted_sum(slow_gates(kernel), n);
        EXPECT_NEAR(weighted_sum(kernel->gates(), n).item<double>(), expected.item<double>(),
                    1e-12);
        expected.backward();
        for (std::size_t i = 0; i < gradients.size(); ++i) {
          const Tensor slow = kernel->parameters()[i].grad();
          EXPECT_LT((gradients[i] - slow).abs().max().item<double>(), 1e-12);
        }
      }
    }
  }
}

TEST_F(SuperKernelTest, AWeightOfZerosHasFiniteGradients) {
  SuperKernel kernel(branch_of({3, 5, 7}, {0, 2, 4}), kInChannels, GateOptions());
  {
    const torch::NoGradGuard no_grad;
    kernel->weight.zero_();
  }
  const BranchGates gates = kernel->gates();
  (gates.kernel.sum() + gates.channel.sum()).backward();
  for (const Tensor& parameter : kernel->parameters())
    EXPECT_TRUE(parameter.grad().isfinite().all().item<bool>());
}

TEST_F(SuperKernelTest, MaskedWeightHasTheGradientsOfFiniteDifferences) {
  for (const bool after_activation : {true, false}) {
    GateOptions options;
    options.mask_after_activation = after_activation;
    SuperKernel kernel = double_kernel(branch_of({3, 5, 7}, {0, 1, 2}), options);
    BranchGates gates;  // soft ones: the expression is smooth in them
    gates.kernel = torch::tensor({1.0, 0.6, 0.2}, torch::kDouble).requires_grad_();
    gates.channel = torch::tensor({0.8, 0.3}, torch::kDouble).requires_grad_();
    const Tensor factors = torch::randn_like(kernel->weight).detach();
    const Tensor channel_factors = torch::randn({8}, torch::kDouble);
    const auto value = [&] {
      return (kernel->masked_weight(gates) * factors).sum() +
             (kernel->channel_mask(gates) * channel_factors).sum();
    };
    value().backward();
    for (Tensor leaf : {kernel->weight, gates.kernel, gates.channel})
      EXPECT_LT(relative_difference(leaf.grad(), finite_differences(leaf.detach(), value)), 1e-7);
  }
}

TEST_F(SuperKernelTest, DropoutScalesGatesButNotProbabilitiesOrPresence) {
  SuperKernel kernel = double_kernel(branch_of({3, 5, 7}, {0, 2, 4}));
  randomize_thresholds(kernel, -1.0, -0.5);  // everything open
  const BranchGates open = kernel->gates();
  const BranchGates kept = kernel->gates({1.5, 2.0, 1.5, 2.0});
  EXPECT_TRUE(kept.kernel.equal(torch::tensor({1.0, 1.5, 3.0}, torch::kDouble)));
  EXPECT_TRUE(kept.channel.equal(torch::tensor({1.5, 3.0}, torch::kDouble)));
  EXPECT_EQ(kept.present.item<double>(), 1.0);
  EXPECT_TRUE(kept.kernel_probabilities.equal(open.kernel_probabilities));
  EXPECT_TRUE(kept.expansion_probabilities.equal(open.expansion_probabilities));
  const BranchGates dropped = kernel->gates({0.0, 2.0, 0.0, 2.0});
  EXPECT_TRUE(dropped.kernel.equal(torch::tensor({1.0, 0.0, 0.0}, torch::kDouble)));
  EXPECT_TRUE(dropped.channel.equal(torch::tensor({0.0, 0.0}, torch::kDouble)));
  EXPECT_EQ(dropped.present.item<double>(), 0.0);
}

TEST_F(SuperKernelTest, ABranchDrawsItsKernelGatesFirst) {
  SuperKernel kernel(branch_of({3, 5, 7}, {2, 4}), kInChannels, GateOptions());
  EXPECT_EQ(kernel->num_kernel_gates(), 2);
  EXPECT_EQ(kernel->num_channel_gates(), 1);
  RandomStream stream(3), same(3);
  std::vector<double> expected = draw_selection(2, GateScaling::kInverted, same);
  expected.push_back(draw_selection(1, GateScaling::kInverted, same)[0]);
  EXPECT_EQ(kernel->draw(stream), expected);
}

TEST_F(SuperKernelTest, ABranchWithoutAlternativesHasNoThresholds) {
  SuperKernel kernel(branch_of({5}, {3}), kInChannels, GateOptions());
  EXPECT_EQ(kernel->parameters().size(), 1U);
  const BranchGates gates = kernel->gates();
  EXPECT_TRUE(kernel->masked_weight(gates).equal(kernel->weight));
  EXPECT_TRUE(kernel->channel_mask(gates).equal(torch::ones({3 * kInChannels})));
}

TEST_F(SuperKernelTest, ThresholdsStartAtZeroWhereEveryGateIsOpen) {
  for (const BranchSpace& space : branches()) {
    SuperKernel kernel(space, kInChannels, GateOptions());
    const BranchChoice choice = kernel->choice();
    EXPECT_EQ(choice.kernel, static_cast<int>(space.kernels.size()) - 1);
    EXPECT_EQ(choice.expansion_ratio, static_cast<int>(space.expansion_ratios.size()) - 1);
    for (const Tensor& thresholds : {kernel->kernel_thresholds, kernel->channel_thresholds}) {
      if (thresholds.defined()) {
        EXPECT_EQ(thresholds.abs().max().item<double>(), 0.0);
      }
    }
  }
}

TEST_F(SuperKernelTest, ATemperatureMustBeAboveZero) {
  GateOptions options;
  options.temperature = 0.0;
  EXPECT_EQ(input_error_of([&] {
              SuperKernel(branch_of({3, 5}, {2}), kInChannels, options);
            }),
            "the gates' temperature must be above 0, not 0.000000");
}

}  // namespace
}  // namespace tilewake
