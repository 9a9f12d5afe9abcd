// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "nas/supernet/supernet.hpp"
#include "tests/support/random.hpp"

namespace tilewake {

/// Two stages of three blocks on 8x8 images of one channel.
inline SearchSpace small_space(const std::vector<BranchSpace>& branches) {
  SearchSpace space;
  space.name = "small";
  space.input = {1, 8, 8};
  space.num_classes = 5;
  space.stem_width = 4;
  space.head_width = 12;
  space.activation = Activation::kRelu;
  space.branches = branches;
  StageSpace stage;
  stage.width = 6;
  stage.stride = 1;
  stage.depth = 3;
  space.stages.push_back(stage);
  stage.width = 8;
  stage.stride = 2;
  space.stages.push_back(stage);
  return space;
}

inline BranchSpace branch_of(const std::vector<int>& kernels, const std::vector<int>& ratios) {
  BranchSpace space;
  space.kernels = kernels;
  space.expansion_ratios = ratios;
  return space;
}

/// `space` whose stages have blocks of these kinds.
inline SearchSpace with_blocks(SearchSpace space, BlockOp first, BlockOp second) {
  space.stages[0].block = first;
  space.stages[1].block = second;
  return space;
}

/// One to three branches that may vanish or not, merge or not; depthwise, fused and dense.
inline std::vector<SearchSpace> small_spaces() {
  return {
      small_space({branch_of({3, 5}, {0, 2}), branch_of({3, 5}, {0, 2}),
                   branch_of({3, 5, 7}, {0, 2})}),  // the shipped spaces' branches
      small_space({branch_of({3, 5, 7}, {0, 2, 4})}),
      small_space({branch_of({3, 5}, {2, 4}), branch_of({3, 7}, {0, 2, 3})}),
      small_space({branch_of({5}, {0, 1, 2}), branch_of({3, 5}, {0, 2, 3})}),
      small_space({branch_of({3, 5}, {1})}),  // no expand
      small_space({branch_of({3}, {2})}),     // nothing to choose
      with_blocks(small_space({branch_of({3, 5}, {0, 2}), branch_of({3, 5, 7}, {0, 1, 3})}),
                  BlockOp::kFused, BlockOp::kConv),
      with_blocks(small_space({branch_of({3, 5}, {1, 2})}), BlockOp::kConv, BlockOp::kFused),
      with_blocks(small_space({branch_of({3, 5}, {0, 1, 2}), branch_of({3}, {0, 1})}),
                  BlockOp::kBasic, BlockOp::kBasic),
  };
}

/// Every threshold such that its gate is open (share `open`) or closed.
inline void randomize_thresholds(Supernet& supernet, Random& random, double open) {
  const torch::NoGradGuard no_grad;
  for (torch::Tensor thresholds : supernet->thresholds()) {
    for (std::int64_t i = 0; i < thresholds.numel(); ++i)
      thresholds[i] = static_cast<double>(random.below(1000)) < 1000.0 * open ? -1.0 : 1e3;
  }
}

inline torch::Tensor small_images(std::int64_t num_images) {
  return torch::randn({num_images, 1, 8, 8});
}

/// Soft gates in double precision for every branch of a block, as they come out of any gates
/// between 0 and 1.
struct SoftGates {
  std::vector<torch::Tensor> leaves;  // kernel and channel gates of every branch

  explicit SoftGates(const SuperBlock& block) {
    for (const SuperKernel& branch : block->branches) {
      leaves.push_back(torch::rand({branch->num_kernel_gates()}, torch::kDouble).requires_grad_());
      leaves.push_back(torch::rand({branch->num_channel_gates()}, torch::kDouble).requires_grad_());
    }
  }

  std::vector<BranchGates> gates(const SuperBlock& block) const {
    std::vector<BranchGates> result;
    for (std::size_t b = 0; b < block->branches.size(); ++b) {
      const bool can_vanish = block->branches[b]->space.can_vanish();
      const torch::Tensor& channel_gates = leaves[2 * b + 1];
      BranchGates gates;
      gates.kernel = nested_product(leaves[2 * b]);
      gates.channel = nested_product(channel_gates);
      gates.kernel_probabilities = choice_probabilities(gates.kernel);
      gates.expansion_probabilities = choice_probabilities(gates.channel);
      if (can_vanish) {
        gates.channel = gates.channel.narrow(0, 1, channel_gates.size(0));
        gates.present = channel_gates[0];
      }
      result.push_back(gates);
    }
    return result;
  }
};

}  // namespace tilewake
