// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <torch/torch.h>

#include "nas/recipe/recipe.hpp"
#include "nas/space/outcome.hpp"
#include "nas/space/search_space.hpp"

namespace tilewake {

/// How gates are made of norms and thresholds.
struct GateOptions {
  NormKind norm = NormKind::kRms;
  double temperature = 1.0;
  GateScaling scaling = GateScaling::kInverted;
  bool mask_after_activation = true;
};

/// 1 where norm >= threshold, else 0; backward the derivative of sigmoid((norm - threshold) /
/// temperature) (straight through).
torch::Tensor step_gate(const torch::Tensor& norm, const torch::Tensor& threshold,
                        double temperature);

/// 0/1 masks, one a kernel, each k_max x k_max: the first kernel's window, then the ring that each
/// adds. They add up to one everywhere.
std::vector<torch::Tensor> ring_masks(const std::vector<int>& kernels);

/// Draws what equal-selection dropout drops in a list of `num_gates` gates: gate i (from 0) with
/// probability 1 / (num_gates + 1 - i), so that all num_gates + 1 outcomes are equally likely.
///   @return per gate 0 (dropped) or what it is multiplied by (kInverted: 1 / (1 - p), kNone: 1)
std::vector<double> draw_selection(int num_gates, GateScaling scaling, torch::Generator generator);

/// The gates of one branch in one step: values that the forward pass multiplies by, and the
/// choices' probabilities, all differentiable in weight and thresholds.
struct BranchGates {
  std::vector<torch::Tensor> kernel;   // per kernel but the first: scalar
  std::vector<torch::Tensor> channel;  // per expansion ratio, the vanishing one excepted; the first
                                       // is undefined where the branch cannot vanish
  torch::Tensor kernel_probabilities;  // one per kernel, sum 1
  torch::Tensor expansion_probabilities;  // one per expansion ratio, sum 1
};

/// One branch's depthwise kernel C x 1 x k_max x k_max from which smaller kernels (rings) and fewer
/// channels (bands) are cut by thresholds. C = max expansion ratio x in_channels.
struct SuperKernelImpl : torch::nn::Module {
  SuperKernelImpl(const BranchSpace& space, int in_channels, const GateOptions& options);

  /// Gates for one step. `selection`, where given, holds equal-selection dropout's factors: first
  /// of the kernel gates, then of the channel gates.
  BranchGates gates(const std::vector<double>& selection = {});
  int num_kernel_gates() const;
  int num_channel_gates() const;

  /// The weight with rings gated, C x 1 x k_max x k_max; with mask_after_activation off, bands too.
  torch::Tensor masked_weight(const BranchGates& gates);
  /// What the projection's input is multiplied by: C values, nested band gates.
  torch::Tensor channel_mask(const BranchGates& gates);

  /// What norms and thresholds choose now.
  BranchChoice choice();

  BranchSpace space;
  int in_channels;
  GateOptions options;
  torch::Tensor weight;
  torch::Tensor kernel_thresholds;   // one per kernel but the first
  torch::Tensor channel_thresholds;  // one per expansion ratio that can be given up
};
TORCH_MODULE(SuperKernel);

}  // namespace tilewake
