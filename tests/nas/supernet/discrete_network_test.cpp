// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <string>

#include <gtest/gtest.h>

#include "nas/supernet/supernet.hpp"
#include "tests/nas/supernet/small_space.hpp"
#include "tests/nas/supernet/torch_test.hpp"

namespace tilewake {
namespace {

using torch::Tensor;
using DiscreteNetworkTest = TorchTest;

std::string text_of(const std::vector<Outcome>& outcomes) {
  std::string text;
  for (const Outcome& outcome : outcomes) text += to_string(outcome) + ", ";
  return text;
}

/// A single branch of expansion ratio 1 has no expand, but a superblock of several ratios has one.
bool loses_an_expand(const Supernet& supernet, const std::vector<Outcome>& outcomes) {
  for (std::size_t b = 0; b < outcomes.size(); ++b) {
    if (outcomes[b].size() == 1 && outcomes[b][0].expansion_ratio == 1 &&
        supernet->blocks[b]->space.op == BlockOp::kMixConv && supernet->blocks[b]->expand)
      return true;
  }
  return false;
}

TEST_F(DiscreteNetworkTest, GivesTheSupernetsLogitsInEvaluation) {
  Random random(8);
  for (const SearchSpace& space : small_spaces()) {
    Supernet supernet(space, GateOptions());
    randomize_batch_norms(*supernet);
    supernet->eval();
    const torch::NoGradGuard no_grad;
    const Tensor images = small_images(3);
    int num_compared = 0;
    for (int n = 0; n < 40; ++n) {
      const double open = n == 0 ? 0.0 : n == 1 ? 1.0 : 0.6;
      randomize_thresholds(supernet, random, open);
      const std::vector<Outcome> outcomes = supernet->outcomes();
      SCOPED_TRACE(text_of(outcomes));
      BlockNetwork network = discrete_network(supernet);
      EXPECT_EQ(network->architecture, supernet->architecture());
      EXPECT_EQ(network->architecture, architecture_of(space, outcomes));
      EXPECT_FALSE(network->is_training());
      if (loses_an_expand(supernet, outcomes)) continue;
      ++num_compared;
      EXPECT_LT(relative_difference(network(images), supernet->forward(images).logits), 2e-5);
    }
    EXPECT_GT(num_compared, 10);
  }
}

TEST_F(DiscreteNetworkTest, GivesThemWithEqualThresholdsForEveryNormAndTemperature) {
  Random random(2);
  for (const NormKind norm : {NormKind::kRms, NormKind::kL2}) {
    GateOptions options;
    options.norm = norm;
    options.temperature = 0.1;
    Supernet supernet(small_spaces().front(), options);
    randomize_batch_norms(*supernet);
    supernet->eval();
    const torch::NoGradGuard no_grad;
    for (int n = 0; n < 10; ++n) {
      for (Tensor thresholds : supernet->thresholds())
        thresholds.uniform_(0.0, norm == NormKind::kRms ? 0.5 : 6.0);
      const Tensor images = small_images(2);
      EXPECT_LT(
          relative_difference(discrete_network(supernet)(images), supernet->forward(images).logits),
          2e-5);
    }
  }
}

/// Branch choices of one combination, set by thresholds.
void choose(SuperBlock& block, std::size_t combination) {
  const torch::NoGradGuard no_grad;
  for (std::size_t b = block->branches.size(); b-- > 0;) {
    SuperKernel& branch = block->branches[b];
    const auto num_ratios = branch->space.expansion_ratios.size();
    const auto num_options = branch->space.kernels.size() * num_ratios;
    const auto option = combination % num_options;
    combination /= num_options;
    for (std::int64_t i = 0; i < branch->num_kernel_gates(); ++i)
      branch->kernel_thresholds[i] =
          i < static_cast<std::int64_t>(option / num_ratios) ? -1.0 : 1e3;
    for (std::int64_t i = 0; i < branch->num_channel_gates(); ++i)
      branch->channel_thresholds[i] =
          i < static_cast<std::int64_t>(option % num_ratios) ? -1.0 : 1e3;
  }
}

TEST_F(DiscreteNetworkTest, EveryCombinationOfEveryBlockGivesTheSupernetsLogits) {
  const SearchSpace mixconv = small_spaces().front();
  for (const SearchSpace& space : {mixconv, with_blocks(mixconv, BlockOp::kFused, BlockOp::kFused),
                                   with_blocks(mixconv, BlockOp::kBasic, BlockOp::kBasic),
                                   with_blocks(mixconv, BlockOp::kConv, BlockOp::kConv)}) {
    Supernet supernet(space, GateOptions());
    randomize_batch_norms(*supernet);
    supernet->eval();
    const torch::NoGradGuard no_grad;
    const Tensor images = small_images(2);
    for (const std::size_t b : {0U, 1U}) {
      SuperBlock& block = supernet->blocks[b];
      const std::vector<int>& outcomes = block->outcomes.outcome_of_combination;
      for (std::size_t combination = 0; combination < outcomes.size(); ++combination) {
        choose(block, combination);
        const Outcome& expected =
            block->outcomes.outcomes[static_cast<std::size_t>(outcomes[combination])];
        ASSERT_EQ(block->outcome(), expected) << combination;
        EXPECT_LT(relative_difference(discrete_network(supernet)(images),
                                      supernet->forward(images).logits),
                  2e-5)
            << to_string(expected);
      }
      choose(block, outcomes.size() - 1);
    }
  }
}

TEST_F(DiscreteNetworkTest, GivenOutcomesInheritIndependentlyOfTheThresholds) {
  Random random(6);
  for (const SearchSpace& space : small_spaces()) {
    Supernet supernet(space, GateOptions());
    randomize_batch_norms(*supernet);
    supernet->eval();
    const torch::NoGradGuard no_grad;
    const Tensor images = small_images(2);
    for (int n = 0; n < 10; ++n) {
      std::vector<Outcome> outcomes;
      for (const SuperBlock& block : supernet->blocks)
        outcomes.push_back(random.pick(block->outcomes.outcomes));
      SCOPED_TRACE(text_of(outcomes));
      randomize_thresholds(supernet, random, 0.5);
      BlockNetwork network = discrete_network(supernet, outcomes);
      EXPECT_EQ(network->architecture, architecture_of(space, outcomes));
      if (loses_an_expand(supernet, outcomes)) continue;
      // The first combination of each outcome, set by thresholds.
      for (std::size_t b = 0; b < outcomes.size(); ++b) {
        SuperBlock& block = supernet->blocks[b];
        const int index = block->outcomes.index_of(outcomes[b]);
        std::size_t combination = 0;
        while (block->outcomes.outcome_of_combination[combination] != index) ++combination;
        choose(block, combination);
      }
      EXPECT_LT(relative_difference(network(images), supernet->forward(images).logits), 2e-5);
    }
  }
}

TEST_F(DiscreteNetworkTest, HasItsOwnCopyInTheSupernetsMode) {
  Supernet supernet(small_spaces()[1], GateOptions());
  supernet->dropout = 0.3;
  BlockNetwork network = discrete_network(supernet);
  EXPECT_TRUE(network->is_training());
  EXPECT_EQ(network->dropout, 0.3);
  for (const Tensor& parameter : network->parameters()) EXPECT_TRUE(parameter.requires_grad());
  const torch::NoGradGuard no_grad;
  const Tensor before = supernet->head->weight.clone();
  network->head->weight.zero_();
  EXPECT_TRUE(supernet->head->weight.equal(before));
}

TEST_F(DiscreteNetworkTest, KeepsTheTypeOfTheSupernet) {
  Supernet supernet(small_spaces()[1], GateOptions());
  supernet->to(torch::kDouble);
  supernet->eval();
  const Tensor images = small_images(2).to(torch::kDouble);
  EXPECT_LT(
      relative_difference(discrete_network(supernet)(images), supernet->forward(images).logits),
      1e-12);
}

}  // namespace
}  // namespace tilewake
