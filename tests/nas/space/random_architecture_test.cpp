// SPDX-License-Identifier: Apache-2.0
#include "nas/space/random_architecture.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "nas/space/outcome.hpp"
#include "simulator/common/error.hpp"
#include "tests/nas/space/spaces.hpp"

namespace tilewake {
namespace {

/// Millions of MACs, as if the machine did a billion a second.
double ms_of_macs(const Network& network) { return static_cast<double>(network.num_macs()) / 1e6; }

TEST(RandomArchitectureTest, SameSeedGivesTheSameNetwork) {
  const SearchSpace space = paper_space({3, 4, 7, 4, 11});
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(random_architecture(space, seed), random_architecture(space, seed));
    EXPECT_NE(random_architecture(space, seed), random_architecture(space, seed + 1));
  }
}

// Every combination of branch choices is equally likely, so an outcome is as likely as it has
// combinations. One stage of one block: 48 combinations to 15 outcomes.
TEST(RandomArchitectureTest, OutcomesAreAsOftenAsTheirCombinations) {
  const SearchSpace space = paper_space({1});
  const OutcomeTable table = outcome_table(blocks_of(space)[0]);
  std::vector<int> combinations(table.outcomes.size(), 0);
  for (const int outcome : table.outcome_of_combination)
    ++combinations[static_cast<std::size_t>(outcome)];
  constexpr int kDraws = 20'000;
  std::vector<int> drawn(table.outcomes.size(), 0);
  for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
    const Architecture a = random_architecture(space, seed);
    ++drawn[static_cast<std::size_t>(table.index_of(a.stages[0].blocks[0].branches))];
  }
  double chi_square = 0.0;
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    const double expected = static_cast<double>(kDraws) * combinations[i] /
                            static_cast<double>(table.outcome_of_combination.size());
    chi_square += (drawn[i] - expected) * (drawn[i] - expected) / expected;
  }
  EXPECT_LT(chi_square, 36.1);  // 14 degrees of freedom, exceeded once in 1000
}

// Within a network: 1 block in 8 that can be skipped is (three branches that vanish or not).
TEST(RandomArchitectureTest, BlocksOfANetworkAreDrawnIndependently) {
  const SearchSpace space = paper_space({2, 2, 2, 2, 2});
  constexpr int kDraws = 4000;
  std::map<std::vector<std::size_t>, int> depths;
  for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
    const Architecture a = random_architecture(space, seed);
    std::vector<std::size_t> skipped;
    for (std::size_t s = 0; s < a.stages.size(); ++s) {
      if (a.stages[s].blocks.size() == 1) skipped.push_back(s);
    }
    ++depths[skipped];
  }
  double chi_square = 0.0;
  double others = kDraws;
  for (std::size_t s = 0; s < 5; ++s) {
    const double expected = kDraws * (1.0 / 8) * (7.0 / 8) * (7.0 / 8) * (7.0 / 8) * (7.0 / 8);
    const double n = depths[{s}];
    chi_square += (n - expected) * (n - expected) / expected;
    others -= n;
  }
  const double none = kDraws * (7.0 / 8) * (7.0 / 8) * (7.0 / 8) * (7.0 / 8) * (7.0 / 8);
  chi_square += (depths[{}] - none) * (depths[{}] - none) / none;
  EXPECT_LT(chi_square, 22.5);  // 6 degrees of freedom, exceeded once in 1000
  EXPECT_GT(others - depths[{}], 0.0);
}

TEST(RandomArchitectureTest, AllOfTheSpaceAndNothingElseIsDrawn) {
  const SearchSpace space = paper_space({2});
  const std::vector<BlockSpace> blocks = blocks_of(space);
  const std::vector<Outcome> first = outcome_table(blocks[0]).outcomes;
  const std::vector<Outcome> further = outcome_table(blocks[1]).outcomes;
  std::map<std::string, int> drawn;
  for (std::uint64_t seed = 0; seed < 8000; ++seed) {
    const Architecture a = random_architecture(space, seed);
    const auto& stage = a.stages[0].blocks;
    EXPECT_NE(std::find(first.begin(), first.end(), stage[0].branches), first.end());
    ++drawn[stage.size() == 1 ? "skip" : to_string(stage[1].branches)];
  }
  for (const Outcome& outcome : further)
    EXPECT_GT(drawn[to_string(outcome)], 0) << to_string(outcome);
  EXPECT_EQ(drawn.size(), further.size());
}

TEST(RandomArchitectureTest, DrawnWithinLimitsKeepsThem) {
  SearchSpace space = paper_space({2, 2, 3});
  std::vector<double> ms;
  std::vector<std::int64_t> params;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const Architecture a = random_architecture(space, seed);
    ms.push_back(ms_of_macs(to_network(a)));
    params.push_back(num_trained_params(a));
  }
  std::sort(ms.begin(), ms.end());
  std::sort(params.begin(), params.end());
  space.max_params = params[50];
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto a = random_architecture_within(space, ms[30], ms[60], ms_of_macs, seed, 500);
    ASSERT_TRUE(a);
    EXPECT_EQ(a, random_architecture_within(space, ms[30], ms[60], ms_of_macs, seed, 500));
    EXPECT_GE(ms_of_macs(to_network(*a)), ms[30]);
    EXPECT_LE(ms_of_macs(to_network(*a)), ms[60]);
    EXPECT_LE(num_trained_params(*a), space.max_params);
  }
}

TEST(RandomArchitectureTest, StopsAfterTheMaximumNumberOfDraws) {
  const SearchSpace space = paper_space({2, 2});
  int calls = 0;
  const LatencyEstimate never = [&](const Network&) {
    ++calls;
    return 1e9;
  };
  EXPECT_EQ(random_architecture_within(space, 0.0, 1.0, never, 1, 37), std::nullopt);
  EXPECT_EQ(calls, 37);
  EXPECT_EQ(random_architecture_within(space, 0.0, 1.0, never, 1, 0), std::nullopt);
}

TEST(RandomArchitectureTest, NetworksThatDoNotFitTheMachineAreSkipped) {
  const SearchSpace space = paper_space({2, 2});
  const LatencyEstimate picky = [](const Network& network) -> double {
    for (const Layer& layer : network.layers) {
      if (layer.kernel_width == 7 && layer.op == Op::kDepthwiseConv2d)
        throw InputError("too large");
    }
    return 1.0;
  };
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const auto a = random_architecture_within(space, 0.0, 1.0, picky, seed, 1000);
    ASSERT_TRUE(a);
    EXPECT_EQ(picky(to_network(*a)), 1.0);
  }
}

}  // namespace
}  // namespace tilewake
