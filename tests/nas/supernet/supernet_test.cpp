// SPDX-License-Identifier: Apache-2.0
#include "nas/supernet/supernet.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/nas/supernet/small_space.hpp"
#include "tests/nas/supernet/torch_test.hpp"

namespace tilewake {
namespace {

using torch::Tensor;
using SupernetTest = TorchTest;

/// Probabilities of a block's outcomes by running through all choices of all branches.
std::map<Outcome, double> slow_probabilities(const SuperBlock& block,
                                             const std::vector<BranchGates>& gates) {
  std::map<Outcome, double> sums;
  std::vector<BranchChoice> choices(gates.size());
  const auto descend = [&](const auto& self, std::size_t b, double probability) -> void {
    if (b == gates.size()) {
      sums[merge(block->space.branches, choices)] += probability;
      return;
    }
    for (std::int64_t k = 0; k < gates[b].kernel_probabilities.size(0); ++k) {
      for (std::int64_t e = 0; e < gates[b].expansion_probabilities.size(0); ++e) {
        choices[b] = {static_cast<int>(k), static_cast<int>(e)};
        self(self, b + 1,
             probability * gates[b].kernel_probabilities[k].item<double>() *
                 gates[b].expansion_probabilities[e].item<double>());
      }
    }
  };
  descend(descend, 0, 1.0);
  return sums;
}

TEST_F(SupernetTest, OutcomesOfSoftGatesAreProductsOverBranchesAddedUpByMerging) {
  for (const SearchSpace& space : small_spaces()) {
    Supernet supernet(space, GateOptions());
    supernet->to(torch::kDouble);
    for (SuperBlock& block : supernet->blocks) {
      const std::vector<BranchGates> gates = SoftGates(block).gates(block);
      const Tensor probabilities = block->outcome_probabilities(gates);
      EXPECT_NEAR(probabilities.sum().item<double>(), 1.0, 1e-12);
      const std::map<Outcome, double> expected = slow_probabilities(block, gates);
      ASSERT_EQ(static_cast<std::size_t>(probabilities.size(0)), expected.size());
      for (const auto& [outcome, probability] : expected) {
        const std::int64_t index = block->outcomes.index_of(outcome);
        EXPECT_NEAR(probabilities[index].item<double>(), probability, 1e-12) << to_string(outcome);
      }
    }
  }
}

TEST_F(SupernetTest, HardGatesGiveTheChosenOutcomeExactly) {
  Random random(4);
  for (const SearchSpace& space : small_spaces()) {
    Supernet supernet(space, GateOptions());
    for (int n = 0; n < 20; ++n) {
      randomize_thresholds(supernet, random, 0.6);
      const SupernetImpl::Output output = supernet->forward(small_images(2));
      const std::vector<Outcome> outcomes = supernet->outcomes();
      for (std::size_t b = 0; b < outcomes.size(); ++b) {
        Tensor expected = torch::zeros_like(output.probabilities[b]);
        expected[supernet->blocks[b]->outcomes.index_of(outcomes[b])] = 1.0;
        EXPECT_TRUE(output.probabilities[b].equal(expected));
      }
    }
  }
}

/// A block by the definition of the method, with mask and keep applied to activations.
Tensor slow_block(SuperBlock& block, const Tensor& x, const std::vector<BranchGates>& gates) {
  const auto relu = [](const Tensor& y) { return y.clamp_min(0.0); };
  Tensor y = x;
  if (block->expand) y = relu(block->expand_bn(block->expand(x)));
  std::vector<Tensor> parts, masks;
  Tensor absent = torch::ones({}, torch::kDouble);
  std::int64_t begin = 0;
  for (std::size_t b = 0; b < gates.size(); ++b) {
    SuperKernel& branch = block->branches[b];
    const Tensor weight = branch->masked_weight(gates[b]);
    const bool is_dense = block->space.op != BlockOp::kMixConv;
    parts.push_back(torch::conv2d(is_dense ? x : y.narrow(1, begin, weight.size(0)), weight, {},
                                  block->space.stride, weight.size(2) / 2, 1,
                                  is_dense ? 1 : weight.size(0)));
    begin += weight.size(0);
    masks.push_back(branch->channel_mask(gates[b]));
    absent = gates[b].present.defined() ? absent * (1.0 - gates[b].present)
                                        : torch::zeros({}, torch::kDouble);
  }
  y = relu(block->depthwise_bn(torch::cat(parts, 1)));
  if (block->project)
    y = block->project_bn(block->project(y * torch::cat(masks).view({1, -1, 1, 1})));
  y = y * (1.0 - absent);
  return x.sizes() == y.sizes() ? x + y : y;
}

TEST_F(SupernetTest, MasksInTheProjectionsWeightActLikeMasksOnActivations) {
  for (const SearchSpace& space : small_spaces()) {
    Supernet supernet(space, GateOptions());
    randomize_batch_norms(*supernet);
    supernet->to(torch::kDouble);
    for (const bool training : {true, false}) {
      supernet->train(training);
      for (SuperBlock& block : supernet->blocks) {
        const SoftGates soft(block);
        std::vector<Tensor> leaves = soft.leaves;
        for (const Tensor& parameter : block->parameters()) leaves.push_back(parameter);
        Tensor x = torch::randn({3, block->space.in_channels, 6, 6}, torch::kDouble);
        leaves.push_back(x.requires_grad_());
        const Tensor y = block->forward(x, soft.gates(block));
        const Tensor expected = slow_block(block, x, soft.gates(block));
        ASSERT_EQ(y.sizes(), expected.sizes());
        EXPECT_LT(relative_difference(y, expected), 1e-12);
        const Tensor factors = torch::randn_like(y);
        const auto gradients = torch::autograd::grad({(y * factors).sum()}, leaves, {}, {}, false,
                                                     /*allow_unused=*/true);
        const auto slow = torch::autograd::grad({(expected * factors).sum()}, leaves, {}, {}, false,
                                                /*allow_unused=*/true);
        for (std::size_t i = 0; i < leaves.size(); ++i) {
          const auto or_zeros = [&](const Tensor& gradient) {
            return gradient.defined() ? gradient : torch::zeros_like(leaves[i]);
          };
          if (leaves[i].numel() == 0) continue;
          // Absolute: in front of a batch normalisation some are zero up to rounding.
          const Tensor difference = or_zeros(gradients[i]) - or_zeros(slow[i]);
          EXPECT_LT(difference.abs().max().item<double>(), 1e-9);
        }
      }
    }
  }
}

TEST_F(SupernetTest, GradientsOfSoftGatesAreThoseOfFiniteDifferences) {
  SearchSpace space = small_spaces().front();
  space.activation = Activation::kSwish;  // smooth, unlike ReLU
  Supernet supernet(space, GateOptions());
  supernet->to(torch::kDouble);
  SuperBlock& block = supernet->blocks[1];  // may be skipped
  const SoftGates soft(block);
  const Tensor x = torch::randn({2, block->space.in_channels, 5, 5}, torch::kDouble);
  const Tensor factors = torch::randn({2, block->space.out_channels, 5, 5}, torch::kDouble);
  const auto value = [&] { return (block->forward(x, soft.gates(block)) * factors).sum(); };
  value().backward();
  for (const Tensor& leaf : soft.leaves) {
    EXPECT_LT(relative_difference(leaf.grad(), finite_differences(leaf.detach(), value)), 1e-6);
    EXPECT_GT(leaf.grad().abs().min().item<double>(), 1e-8) << "a gate without effect";
  }
}

TEST_F(SupernetTest, ABlockWhoseBranchesHaveAllVanishedIsTheIdentity) {
  for (const bool training : {true, false}) {
    for (const BlockOp op : {BlockOp::kMixConv, BlockOp::kFused, BlockOp::kBasic, BlockOp::kConv}) {
      Supernet supernet(with_blocks(small_spaces().front(), op, op), GateOptions());
      randomize_batch_norms(*supernet);
      supernet->train(training);
      Random random(1);
      randomize_thresholds(supernet, random, 0.0);
      SuperBlock& block = supernet->blocks[1];
      EXPECT_TRUE(block->outcome().empty());
      std::vector<BranchGates> gates;
      for (SuperKernel& branch : block->branches) gates.push_back(branch->gates());
      const Tensor x = torch::randn({2, block->space.in_channels, 4, 4});
      EXPECT_TRUE(block->forward(x, gates).equal(x));
      // The first block of a stage cannot.
      EXPECT_FALSE(supernet->blocks[0]->outcome().empty());
    }
  }
}

TEST_F(SupernetTest, DropoutScalingAppliesToNoWholeBlock) {
  // Factors of 2 on both branches must not multiply the block's result by 1 - (1 - 2)^2 = 0.
  Supernet supernet(small_space({branch_of({3}, {0, 2}), branch_of({5}, {0, 2})}), GateOptions());
  SuperBlock& block = supernet->blocks[1];
  const torch::NoGradGuard no_grad;
  block->eval();
  std::vector<BranchGates> plain, doubled;
  for (SuperKernel& branch : block->branches) {
    plain.push_back(branch->gates());
    doubled.push_back(branch->gates({2.0}));
  }
  const Tensor x = torch::randn({2, block->space.in_channels, 4, 4});
  // Running statistics are 0 and 1 and shifts are 0: the projection is linear in the factor.
  EXPECT_LT(
      relative_difference(block->forward(x, doubled) - x, 2.0 * (block->forward(x, plain) - x)),
      1e-6);
}

TEST_F(SupernetTest, AsReleasedBandsAreMaskedOnTheDepthwiseWeight) {
  GateOptions options;
  options.mask_after_activation = false;
  Supernet supernet(small_spaces().front(), options);
  randomize_batch_norms(*supernet);
  supernet->eval();
  Random random(1);
  randomize_thresholds(supernet, random, 0.0);
  SuperBlock& block = supernet->blocks[1];
  std::vector<BranchGates> gates;
  for (SuperKernel& branch : block->branches) gates.push_back(branch->gates());
  // The leak: all that is left is what batch normalisation makes of zeros, equal at every pixel.
  const Tensor x = torch::randn({2, block->space.in_channels, 4, 4});
  const Tensor added = block->forward(x, gates) - x;
  const Tensor zeros = torch::zeros({1, block->project->weight.size(1), 1, 1});
  const Tensor constant =
      block->project_bn(block->project(torch::relu(block->depthwise_bn(zeros))));
  EXPECT_GT(constant.abs().max().item<double>(), 0.01);
  EXPECT_LT(relative_difference(added, constant.expand_as(added)), 1e-5);
}

TEST_F(SupernetTest, AllParametersLearnFromOneStep) {
  for (const SearchSpace& space : small_spaces()) {
    Supernet supernet(space, GateOptions());
    const Tensor labels = torch::zeros({8}, torch::kLong);
    const SupernetImpl::Output output = supernet->forward(small_images(8));
    torch::nn::functional::cross_entropy(output.logits, labels).backward();
    for (const auto& item : supernet->named_parameters()) {
      ASSERT_TRUE(item.value().grad().defined()) << item.key();
      EXPECT_TRUE(item.value().grad().isfinite().all().item<bool>()) << item.key();
      EXPECT_GT(item.value().grad().abs().max().item<double>(), 0.0) << item.key();
    }
  }
}

TEST_F(SupernetTest, ThresholdsAreParametersUnderStableNames) {
  Supernet supernet(small_space({branch_of({3, 5}, {0, 2}), branch_of({5}, {2})}), GateOptions());
  std::vector<std::string> names;
  for (const auto& item : supernet->named_parameters()) {
    if (item.key().find("block1.") == 0 && item.key().find("_bn.") == std::string::npos)
      names.push_back(item.key());
  }
  EXPECT_THAT(names, ::testing::UnorderedElementsAre(
                         "block1.expand.weight", "block1.branch0.weight",
                         "block1.branch0.kernel_thresholds", "block1.branch0.channel_thresholds",
                         "block1.branch1.weight", "block1.project.weight"));
  EXPECT_EQ(supernet->thresholds().size(), 2 * supernet->blocks.size());
}

TEST_F(SupernetTest, TheSameDropSeedDrawsTheSameStepAndNoneInEvaluation) {
  Supernet supernet(small_spaces().front(), GateOptions());
  const torch::NoGradGuard no_grad;
  const Tensor images = small_images(4);
  const Tensor once = supernet->forward(images, 3).logits;
  EXPECT_TRUE(supernet->forward(images, 3).logits.equal(once));
  EXPECT_FALSE(supernet->forward(images, 4).logits.equal(once));
  supernet->eval();
  EXPECT_TRUE(supernet->forward(images, 3).logits.equal(supernet->forward(images).logits));
}

TEST_F(SupernetTest, EveryOutcomeOfABlockIsTrainedInTheSupergraphPhase) {
  Supernet supernet(small_spaces().front(), GateOptions());
  RandomStream stream(9);
  for (SuperBlock block : {supernet->blocks[0], supernet->blocks[1]}) {
    std::set<Outcome> drawn;
    for (int n = 0; n < 700; ++n) {
      std::vector<BranchChoice> choices;
      for (SuperKernel& branch : block->branches) {
        const BranchGates gates = branch->gates(branch->draw(stream));
        const auto num_open = [](const Tensor& nested) {
          return static_cast<int>(nested.ne(0).sum().item<std::int64_t>());
        };
        choices.push_back({num_open(gates.kernel) - 1,
                           num_open(gates.channel) - (branch->space.can_vanish() ? 0 : 1)});
      }
      drawn.insert(merge(block->space.branches, choices));
    }
    EXPECT_EQ(drawn.size(), block->outcomes.outcomes.size());
  }
}

TEST_F(SupernetTest, DropoutIsForTrainingOnly) {
  Supernet supernet(small_spaces()[1], GateOptions());
  supernet->eval();
  const torch::NoGradGuard no_grad;
  const Tensor images = small_images(4);
  const Tensor logits = supernet->forward(images).logits;
  supernet->dropout = 0.5;
  EXPECT_TRUE(supernet->forward(images).logits.equal(logits));
  supernet->train();
  EXPECT_FALSE(supernet->forward(images).logits.equal(supernet->forward(images).logits));
}

}  // namespace
}  // namespace tilewake
