// SPDX-License-Identifier: Apache-2.0
#include "nas/space/outcome.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/nas/space/midap_estimate.hpp"
#include "tests/nas/space/spaces.hpp"
#include "tests/support/random.hpp"

namespace tilewake {
namespace {

using ::testing::ElementsAre;

/// All combinations in the order that OutcomeTable documents: the last branch counts fastest.
std::vector<std::vector<BranchChoice>> combinations(const std::vector<BranchSpace>& branches) {
  std::vector<std::vector<BranchChoice>> all = {{}};
  for (const BranchSpace& branch : branches) {
    std::vector<std::vector<BranchChoice>> longer;
    for (const std::vector<BranchChoice>& prefix : all) {
      for (std::size_t k = 0; k < branch.kernels.size(); ++k) {
        for (std::size_t e = 0; e < branch.expansion_ratios.size(); ++e) {
          longer.push_back(prefix);
          longer.back().push_back({static_cast<int>(k), static_cast<int>(e)});
        }
      }
    }
    all = longer;
  }
  return all;
}

TEST(OutcomeTest, BranchesOfEqualKernelAreMerged) {
  const std::vector<BranchSpace> branches = paper_branches();
  EXPECT_EQ(to_string(merge(branches, {{0, 1}, {1, 1}, {1, 1}})), "3x3:2 5x5:4");
  EXPECT_EQ(to_string(merge(branches, {{1, 1}, {1, 1}, {1, 1}})), "5x5:6");
  EXPECT_EQ(to_string(merge(branches, {{1, 1}, {0, 1}, {2, 1}})), "3x3:2 5x5:2 7x7:2");
  EXPECT_EQ(to_string(merge(branches, {{1, 0}, {0, 1}, {2, 0}})), "3x3:2");
  EXPECT_EQ(to_string(merge(branches, {{1, 0}, {0, 0}, {2, 0}})), "skip");
}

TEST(OutcomeTest, MergingKeepsTheSumOfExpansionRatios) {
  Random random(1);
  const std::vector<BranchSpace> branches = {
      {{1, 5, 9}, {0, 3, 7}}, {{3, 5}, {1, 2}}, {{5, 9, 15}, {0, 16}}};
  for (const std::vector<BranchChoice>& choices : combinations(branches)) {
    int sum = 0;
    std::set<int> kernels;
    for (std::size_t b = 0; b < branches.size(); ++b) {
      const int ratio =
          branches[b].expansion_ratios.at(static_cast<std::size_t>(choices[b].expansion_ratio));
      sum += ratio;
      if (ratio > 0)
        kernels.insert(branches[b].kernels.at(static_cast<std::size_t>(choices[b].kernel)));
    }
    std::vector<int> merged;
    for (const MixBranch& branch : merge(branches, choices)) {
      sum -= branch.expansion_ratio;
      merged.push_back(branch.kernel);
    }
    EXPECT_EQ(sum, 0);
    EXPECT_EQ(merged, std::vector<int>(kernels.begin(), kernels.end()));
  }
}

// Source: specs of S3NAS; counted by hand: 16 of sums of 0 to 3 branches over 3, 5 and one 7.
TEST(OutcomeTest, PublishedBlocksHave16OutcomesOr15) {
  const std::vector<BlockSpace> blocks = blocks_of(paper_space({2}));
  const OutcomeTable first = outcome_table(blocks[0]);
  const OutcomeTable further = outcome_table(blocks[1]);
  EXPECT_EQ(first.outcomes.size(), 15U);
  EXPECT_EQ(further.outcomes.size(), 16U);
  EXPECT_EQ(to_string(further.outcomes.front()), "skip");
  EXPECT_EQ(std::vector<Outcome>(further.outcomes.begin() + 1, further.outcomes.end()),
            first.outcomes);
}

TEST(OutcomeTest, PublishedSpaceHasTheStatedNumberOfNetworks) {
  EXPECT_NEAR(log10_num_networks(paper_space({3, 4, 7, 4, 11})), 34.8, 0.05);
}

TEST(OutcomeTest, TableHasTheOutcomeOfEveryCombination) {
  Random random(2);
  for (int i = 0; i < 50; ++i) {
    BlockSpace block;
    for (std::int64_t b = random.between(1, 3); b > 0; --b)
      block.branches.push_back(random_branch(random));
    const OutcomeTable table = outcome_table(block);
    EXPECT_TRUE(std::is_sorted(table.outcomes.begin(), table.outcomes.end()));
    EXPECT_EQ(std::set<Outcome>(table.outcomes.begin(), table.outcomes.end()).size(),
              table.outcomes.size());
    const auto all = combinations(block.branches);
    ASSERT_EQ(table.outcome_of_combination.size(), all.size());
    std::set<int> reached;
    for (std::size_t c = 0; c < all.size(); ++c) {
      const int index = table.outcome_of_combination[c];
      reached.insert(index);
      EXPECT_EQ(table.outcomes.at(static_cast<std::size_t>(index)), merge(block.branches, all[c]));
      EXPECT_EQ(table.index_of(merge(block.branches, all[c])), index);
    }
    EXPECT_EQ(reached.size(), table.outcomes.size());
  }
}

TEST(OutcomeTest, ArchitectureHasTheOutcomesAndNoSkippedBlocks) {
  const SearchSpace space = paper_space({2, 3});
  const Architecture a = architecture_of(space, {{{3, 2}}, {}, {{5, 4}, {7, 2}}, {}, {{3, 6}}});
  ASSERT_EQ(a.stages.size(), 2U);
  EXPECT_THAT(a.stages[0].blocks, ElementsAre(ArchitectureBlock{{{3, 2}}}));
  EXPECT_THAT(a.stages[1].blocks,
              ElementsAre(ArchitectureBlock{{{5, 4}, {7, 2}}}, ArchitectureBlock{{{3, 6}}}));
  EXPECT_EQ(a.stages[1].width, 64);
  EXPECT_EQ(a.stages[1].stride, 2);
  EXPECT_EQ(a.stem_width, space.stem_width);
  EXPECT_EQ(a.head_width, space.head_width);
  EXPECT_EQ(a.input, space.input);
  EXPECT_EQ(a.num_classes, space.num_classes);
}

TEST(OutcomeTest, BlocksTakeTheActivationOfTheSpace) {
  SearchSpace space = paper_space({1});
  space.activation = Activation::kHswish;
  EXPECT_EQ(architecture_of(space, {{{3, 2}}}).stages[0].blocks[0].activation, Activation::kHswish);
}

TEST(OutcomeTest, FullOutcomesAreTheLargestInEveryBlock) {
  for (const Outcome& outcome : full_outcomes(paper_space({2, 2})))
    EXPECT_EQ(to_string(outcome), "5x5:4 7x7:2");
}

TEST(OutcomeTest, DefaultChoiceIsACommonCheapOne) {
  const SearchSpace space = paper_space({2, 1});
  const ChoiceSpace choices = choice_space(space);
  ASSERT_EQ(choices.positions.size(), 3U);
  const auto default_at = [&](std::size_t p) {
    const OutcomeTable table = outcome_table(blocks_of(space)[p]);
    return to_string(
        table.outcomes.at(static_cast<std::size_t>(choices.positions[p].default_choice)));
  };
  EXPECT_EQ(default_at(1), "3x3:2");
  EXPECT_NE(default_at(0), "skip");
  EXPECT_EQ(choices.positions[1].block, "stage1.1");
  EXPECT_EQ(choices.positions[1].num_choices, 16);
  EXPECT_EQ(choices.positions[2].num_choices, 15);
}

// Blocks of the space, tabulated by the formulas of the machine, add up to whole networks.
TEST(OutcomeTest, TableOfTheLatencyModelSumsToNetworks) {
  SearchSpace space = paper_space({2, 2, 2});
  space.input = {3, 112, 112};
  const ChoiceSpace choices = choice_space(space);
  const Predictor predictor = midap_predictor();
  const LatencyTable table = tabulate(predictor, choices);
  Random random(3);
  for (int i = 0; i < 100; ++i) {
    std::vector<int> chosen;
    for (const ChoicePosition& position : choices.positions)
      chosen.push_back(static_cast<int>(random.between(0, position.num_choices - 1)));
    const double predicted = predictor.predict(choices.network(chosen)).total_cycles;
    EXPECT_NEAR(table.total_cycles(chosen), predicted, 1e-3 * predicted);
  }
  for (std::size_t p = 0; p < table.cycles.size(); ++p) {
    if (choices.positions[p].num_choices == 16) {
      const double largest = *std::max_element(table.cycles[p].begin(), table.cycles[p].end());
      EXPECT_LT(std::abs(table.cycles[p][0]), 0.01 * largest) << "a skip";
    }
  }
}

}  // namespace
}  // namespace tilewake
