// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <torch/torch.h>

#include "nas/recipe/recipe.hpp"
#include "nas/space/outcome.hpp"
#include "nas/space/search_space.hpp"
#include "nas/supernet/gates.hpp"

namespace tilewake {

/// How gates are computed from norms and thresholds.
struct GateOptions {
  NormKind norm = NormKind::kRms;
  double temperature = 1.0;
  GateScaling scaling = GateScaling::kInverted;
  bool mask_after_activation = true;
};

/// The gates of one branch in one step: factors of the forward pass, and the probabilities of the
/// choices, all differentiable in weight and thresholds.
struct BranchGates {
  torch::Tensor kernel;   // per ring: 1 for the first, then the product of the gates up to it
  torch::Tensor channel;  // per band: the product of the gates up to it; 1 for the first one if the
                          // branch cannot vanish
  torch::Tensor present;  // the first channel gate, without dropout's scaling: 0 if the branch has
                          // vanished. Undefined if it cannot vanish
  // From norms and thresholds, without dropout.
  torch::Tensor kernel_probabilities;     // one per kernel, sum 1
  torch::Tensor expansion_probabilities;  // one per expansion ratio, sum 1
};

/// One branch's kernel C x 1 x k_max x k_max (depthwise) or C x inputs x k_max x k_max (dense);
/// thresholds select smaller kernels (rings) and fewer channels (bands) of it. C = max expansion
/// ratio x unit_channels.
///
/// A gate is open if the norm of the weights that it adds is at least its threshold. Norms of bands
/// are computed on the weight with gated rings: removed rings do not keep channels.
struct SuperKernelImpl : torch::nn::Module {
  /// @param unit_channels  channels of expansion ratio 1
  /// @param dense_inputs   input channels of a dense kernel; 0: depthwise
  /// Throws InputError if the temperature is not above 0.
  SuperKernelImpl(const BranchSpace& space, int unit_channels, const GateOptions& options,
                  int dense_inputs = 0);

  /// Gates of one step. `selection`, if given, has the factors of equal-selection dropout: first of
  /// the kernel gates, then of the channel gates.
  BranchGates gates(const std::vector<double>& selection = {});
  /// Gates of a given choice: constants, without dropout.
  BranchGates gates_of(const BranchChoice& choice);
  int num_kernel_gates() const;
  int num_channel_gates() const;

  /// One draw of equal-selection dropout for this branch, as input of gates().
  std::vector<double> draw(RandomStream& stream) const;

  /// The weight with rings gated, of its shape; with mask_after_activation off, bands too.
  torch::Tensor masked_weight(const BranchGates& gates);
  /// The factors of the projection's input: C values, nested band gates.
  torch::Tensor channel_mask(const BranchGates& gates);

  /// The choice by the current norms and thresholds.
  BranchChoice choice();

  BranchSpace space;
  int unit_channels;
  GateOptions options;
  torch::Tensor weight;
  torch::Tensor kernel_thresholds;   // one per kernel except the first; undefined if none
  torch::Tensor channel_thresholds;  // one per removable expansion ratio; undefined if none

 private:
  void follow_weight();
  void add_kernel_gates(BranchGates& gates, const torch::Tensor& energies,
                        const torch::Tensor& selection);
  void add_channel_gates(BranchGates& gates, const torch::Tensor& energies,
                         const torch::Tensor& selection);

  // Constants with the weight's device and type.
  torch::Tensor rings_;          // k_max k_max x kernels, 0/1
  torch::Tensor element_rings_;  // the same for every element of a channel: inputs k_max k_max rows
  torch::Tensor bands_;          // bands x C, 0/1
  torch::Tensor kernel_scales_;  // of the norms, per kernel except the first
  torch::Tensor band_scales_;    // of the norms, per channel gate
};
TORCH_MODULE(SuperKernel);

}  // namespace tilewake
