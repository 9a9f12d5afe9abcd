// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <torch/torch.h>

#include "nas/network/block_network.hpp"
#include "nas/space/outcome.hpp"
#include "nas/supernet/latency_loss.hpp"
#include "nas/supernet/superkernel.hpp"

namespace tilewake {

/// A searchable block: a MixConvBlock, FusedBlock (also as a basic block) or ConvBlock whose
/// branches are superkernels. With mask_after_activation, its input passes unchanged if all
/// branches vanish.
struct SuperBlockImpl : torch::nn::Module {
  SuperBlockImpl(const BlockSpace& space, Activation activation, const GateOptions& options);

  /// @param gates  one per branch
  torch::Tensor forward(const torch::Tensor& x, const std::vector<BranchGates>& gates);

  /// Of given choices, one per branch. A block whose branches all vanish returns its input.
  torch::Tensor forward(const torch::Tensor& x, const std::vector<BranchChoice>& choices);

  /// Probability of every outcome of `outcomes`; differentiable, sum 1.
  torch::Tensor outcome_probabilities(const std::vector<BranchGates>& gates);

  /// The current choice of each branch, and the resulting outcome.
  std::vector<BranchChoice> choices();
  Outcome outcome();

  BlockSpace space;
  Activation activation;
  GateOptions options;
  OutcomeTable outcomes;
  torch::Tensor outcome_of_combination;  // index of the outcome, per combination
  torch::nn::Conv2d expand{nullptr};     // of a MixConvBlock
  torch::nn::BatchNorm2d expand_bn{nullptr};
  std::vector<SuperKernel> branches;
  torch::nn::BatchNorm2d depthwise_bn{nullptr};  // after the branches, also of dense ones
  torch::nn::Conv2d project{nullptr};            // not of a ConvBlock
  torch::nn::BatchNorm2d project_bn{nullptr};

 private:
  /// The branches side by side, normalised and activated.
  torch::Tensor branch_features(const torch::Tensor& x, const std::vector<BranchGates>& gates);
  torch::Tensor masked_projection(const std::vector<BranchGates>& gates);
  torch::Tensor normalize_projected(const torch::Tensor& x, const std::vector<BranchGates>& gates);
};
TORCH_MODULE(SuperBlock);

/// All networks of a space in one.
struct SupernetImpl : torch::nn::Module {
  SupernetImpl(const SearchSpace& space, const GateOptions& options);

  struct Output {
    torch::Tensor logits;                      // N x num_classes
    std::vector<torch::Tensor> probabilities;  // per block, of its outcomes
  };

  /// @param drop_seed  if given, the seed of equal-selection dropout (supergraph phase); not in
  ///                   evaluation mode
  Output forward(const torch::Tensor& images, std::optional<std::uint64_t> drop_seed = {});

  /// The parts of forward() before the first and after the last block.
  torch::Tensor features(const torch::Tensor& images);
  torch::Tensor logits(const torch::Tensor& features);

  /// The outcome of each block by the current thresholds.
  std::vector<Outcome> outcomes();
  Architecture architecture();

  std::vector<torch::Tensor> thresholds();  // parameters

  SearchSpace space;
  double dropout = 0.0;  // before the classifier
  torch::nn::Conv2d stem{nullptr};
  torch::nn::BatchNorm2d stem_bn{nullptr};
  std::vector<SuperBlock> blocks;
  torch::nn::Conv2d head{nullptr};
  torch::nn::BatchNorm2d head_bn{nullptr};
  torch::nn::Linear classifier{nullptr};
};
TORCH_MODULE(Supernet);

/// The network that `supernet` currently selects, with its weights and statistics: with
/// mask_after_activation both have equal logits in evaluation mode. Exception: a single branch of
/// expansion ratio 1 has no expand, so the effect of the supernet's expand is lost.
BlockNetwork discrete_network(Supernet& supernet);

/// Same for given outcomes (of the space), independent of the thresholds; weights are inherited. If
/// several combinations of branches lead to an outcome, the first one of its OutcomeTable is used.
BlockNetwork discrete_network(Supernet& supernet, const std::vector<Outcome>& outcomes);

}  // namespace tilewake
