// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <torch/torch.h>

#include "nas/recipe/recipe.hpp"
#include "nas/space/outcome.hpp"
#include "nas/space/search_space.hpp"
#include "nas/supernet/gates.hpp"

namespace tilewake {

/// How gates are made of norms and thresholds.
struct GateOptions {
  NormKind norm = NormKind::kRms;
  double temperature = 1.0;
  GateScaling scaling = GateScaling::kInverted;
  bool mask_after_activation = true;
};

/// The gates of one branch in one step: values that the forward pass multiplies by, and the
/// choices' probabilities, all differentiable in weight and thresholds.
struct BranchGates {
  torch::Tensor kernel;   // per ring: 1 for the first, then the product of the gates up to it
  torch::Tensor channel;  // per band: the product of the gates up to it; where the branch cannot
                          // vanish, 1 for the first
  torch::Tensor present;  // the first channel gate, without dropout's scaling: 0 where the branch
                          // has vanished. Undefined where it cannot
  // What norms and thresholds say, without dropout.
  torch::Tensor kernel_probabilities;     // one per kernel, sum 1
  torch::Tensor expansion_probabilities;  // one per expansion ratio, sum 1
};

/// One branch's depthwise kernel C x 1 x k_max x k_max from which smaller kernels (rings) and fewer
/// channels (bands) are cut by thresholds. C = max expansion ratio x in_channels.
///
/// A gate is open where the norm of what it adds is at least its threshold. Norms of bands are
/// those of the weight with its rings gated: what a kernel gave up does not keep channels.
struct SuperKernelImpl : torch::nn::Module {
  /// Throws InputError where the temperature is not above 0.
  SuperKernelImpl(const BranchSpace& space, int in_channels, const GateOptions& options);

  /// Gates for one step. `selection`, where given, holds equal-selection dropout's factors: first
  /// of the kernel gates, then of the channel gates.
  BranchGates gates(const std::vector<double>& selection = {});
  int num_kernel_gates() const;
  int num_channel_gates() const;

  /// One draw of equal-selection dropout for this branch, as gates() takes it.
  std::vector<double> draw(RandomStream& stream) const;

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
  torch::Tensor kernel_thresholds;   // one per kernel but the first; undefined where that is none
  torch::Tensor channel_thresholds;  // one per expansion ratio that can be given up; as above

 private:
  void follow_weight();
  void add_kernel_gates(BranchGates& gates, const torch::Tensor& energies,
                        const torch::Tensor& selection);
  void add_channel_gates(BranchGates& gates, const torch::Tensor& energies,
                         const torch::Tensor& selection);

  // Constants, of the weight's device and type.
  torch::Tensor rings_;          // k_max k_max x kernels, 0/1
  torch::Tensor bands_;          // bands x C, 0/1
  torch::Tensor kernel_scales_;  // of the norms, per kernel but the first
  torch::Tensor band_scales_;    // of the norms, per channel gate
};
TORCH_MODULE(SuperKernel);

}  // namespace tilewake
