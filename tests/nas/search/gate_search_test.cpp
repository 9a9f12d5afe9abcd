// SPDX-License-Identifier: Apache-2.0
#include "nas/search/gate_search.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "tests/nas/supernet/small_space.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/random.hpp"

namespace tilewake {
namespace {

constexpr double kMsPerCycle = 1e-3;
constexpr int kNumSteps = 200;
constexpr std::size_t kProbes = 8;

double channels_of(const Outcome& outcome) {
  double channels = 0.0;
  for (const MixBranch& branch : outcome) channels += branch.expansion_ratio;
  return channels;
}

double taps_of(const Outcome& outcome) {
  double taps = 0.0;
  for (const MixBranch& branch : outcome)
    taps += branch.expansion_ratio * static_cast<double>(branch.kernel * branch.kernel);
  return taps;
}

/// A space with a machine and a loss that are sums over blocks: a channel costs 100 cycles and a
/// tap 1, and a block is worth so much loss per share of its channels.
struct PlantedWorld {
  explicit PlantedWorld(std::vector<double> worth_of_blocks, double worth_of_taps = 0.1)
      : space(small_spaces().front()),
        blocks(blocks_of(space)),
        worth(std::move(worth_of_blocks)),
        tap_share(worth_of_taps) {
    table.fixed_cycles = 500.0;
    std::size_t before = 1;
    for (const BlockSpace& block : blocks) {
      tables.push_back(outcome_table(block));
      std::vector<double> row;
      for (const Outcome& outcome : tables.back().outcomes)
        row.push_back(100.0 * channels_of(outcome) + taps_of(outcome));
      table.given.emplace_back(before, row);
      before = row.size();
    }
  }

  double loss(const std::vector<int>& outcomes) const {
    double loss = 1.0;
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      const Outcome& outcome = tables[b].outcomes[static_cast<std::size_t>(outcomes[b])];
      loss -= worth[b] * (channels_of(outcome) / 6.0 + tap_share * taps_of(outcome) / 198.0);
    }
    return loss;
  }

  GateSearch search(double limit_ms) const { return {space, table, kMsPerCycle, limit_ms}; }

  /// One step: probes of the true loss plus noise, and the changes that are due.
  void step(GateSearch& search, int step, double noise, Random& random) const {
    for (const std::size_t i : search.moves_to_probe(kProbes)) {
      std::vector<int> changed = search.outcomes();
      changed[search.moves()[i].block] = search.moves()[i].outcome;
      double deviate = -6.0;  // of a normal distribution, by twelve uniform ones
      for (int n = 0; n < 12; ++n) deviate += static_cast<double>(random.below(1'000'001)) / 1e6;
      search.observe(i, loss(changed) - loss(search.outcomes()) + noise * deviate);
    }
    search.advance(static_cast<double>(step + 1) / kNumSteps, step);
  }

  void run(GateSearch& search, double noise, std::uint64_t seed) const {
    Random random(seed);
    for (int i = 0; i < kNumSteps; ++i) step(search, i, noise, random);
  }

  SearchSpace space;
  std::vector<BlockSpace> blocks;
  std::vector<OutcomeTable> tables;
  LatencyTable table;
  std::vector<double> worth;
  double tap_share;
};

/// Blocks 1, 2, 4 and 5 of the space can be skipped.
const std::vector<std::size_t> kSkippable = {1, 2, 4, 5};

bool is_skipped(const PlantedWorld& world, const GateSearch& search, std::size_t block) {
  const auto outcome = static_cast<std::size_t>(search.outcomes()[block]);
  return world.tables[block].outcomes[outcome].empty();
}

TEST(GateSearch, StartsWithAllGatesOpen) {
  const PlantedWorld world(std::vector<double>(6, 0.1));
  const GateSearch search = world.search(1.0);
  const std::vector<Outcome> full = full_outcomes(world.space);
  for (std::size_t b = 0; b < full.size(); ++b)
    EXPECT_EQ(search.outcomes()[b], world.tables[b].index_of(full[b]));
}

TEST(GateSearch, ItsBudgetFallsFromTheFullLatencyToTheLimit) {
  const PlantedWorld world(std::vector<double>(6, 0.1));
  const GateSearch search = world.search(2.0);
  EXPECT_DOUBLE_EQ(search.budget_ms(0.0), search.latency_ms());
  EXPECT_DOUBLE_EQ(search.budget_ms(1.0), 2.0);
  double before = search.latency_ms();
  for (double progress = 0.0; progress <= 1.0; progress += 0.01) {
    EXPECT_LE(search.budget_ms(progress), before);
    before = search.budget_ms(progress);
  }
}

TEST(GateSearch, ArrivesAtTheLimitFromAboveAndUsesIt) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    std::vector<double> worth;
    for (int b = 0; b < 6; ++b) worth.push_back(1e-3 * static_cast<double>(random.below(100)));
    const PlantedWorld world(worth);
    const double full_ms = world.search(1.0).latency_ms();
    for (const double share : {0.5, 0.7, 0.9}) {
      GateSearch search = world.search(share * full_ms);
      double before = full_ms;
      for (int i = 0; i < kNumSteps; ++i) {
        world.step(search, i, 0.01, random);
        const double progress = static_cast<double>(i + 1) / kNumSteps;
        EXPECT_LE(search.latency_ms(), search.budget_ms(progress) * (1.0 + 1e-12));
        if (progress < 0.8) {
          EXPECT_LE(search.latency_ms(), before);
        }
        before = search.latency_ms();
      }
      EXPECT_LE(search.latency_ms(), search.limit_ms());
      EXPECT_GE(search.latency_ms(), 0.95 * search.limit_ms()) << seed << " " << share;
    }
  }
}

/// Which blocks are kept follows which are needed, although one probe has as much noise as signal.
TEST(GateSearch, KeepsTheBlocksThatTheTaskNeedsInEverySeed) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    for (const std::size_t needed : kSkippable) {
      std::vector<double> worth(6, 0.0);
      worth[0] = worth[3] = worth[needed] = 0.2;
      const PlantedWorld world(worth);
      GateSearch search = world.search(0.55 * world.search(1.0).latency_ms());
      world.run(search, 0.03, seed);
      EXPECT_FALSE(is_skipped(world, search, needed)) << seed;
      const auto outcome = static_cast<std::size_t>(search.outcomes()[needed]);
      EXPECT_GE(channels_of(world.tables[needed].outcomes[outcome]), 4.0) << seed;
    }
  }
}

/// Without noise and with costs and losses that add up, closing by loss per ms is a greedy solution
/// of a knapsack; it is compared with all networks of its latency.
TEST(GateSearch, LosesLittleAgainstTheBestNetworkOfTheSpace) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Random random(seed);
    std::vector<double> worth;
    for (int b = 0; b < 6; ++b) worth.push_back(1e-3 * static_cast<double>(20 + random.below(80)));
    const PlantedWorld world(worth, 0.3);
    GateSearch search = world.search(0.6 * world.search(1.0).latency_ms());
    const double full_loss = world.loss(search.outcomes());
    world.run(search, 0.0, seed);

    // The least loss by latency in cycles: a sum over blocks, by dynamic programming.
    std::map<std::int64_t, double> best = {{500, 1.0}};
    for (std::size_t b = 0; b < world.blocks.size(); ++b) {
      std::map<std::int64_t, double> next;
      for (const auto& [cycles, loss] : best) {
        for (const Outcome& outcome : world.tables[b].outcomes) {
          const auto sum = cycles + std::llround(100.0 * channels_of(outcome) + taps_of(outcome));
          if (static_cast<double>(sum) * kMsPerCycle > search.limit_ms()) continue;
          const double worse = loss - world.worth[b] * (channels_of(outcome) / 6.0 +
                                                        world.tap_share * taps_of(outcome) / 198.0);
          const auto [at, is_new] = next.emplace(sum, worse);
          if (!is_new) at->second = std::min(at->second, worse);
        }
      }
      best = std::move(next);
    }
    double least = 1e9;
    for (const auto& [cycles, loss] : best) least = std::min(least, loss);
    const double lost = world.loss(search.outcomes()) - full_loss;
    EXPECT_LE(lost, 1.25 * (least - full_loss)) << seed;
  }
}

TEST(GateSearch, AGateThatSavesNothingStaysOpen) {
  PlantedWorld world(std::vector<double>(6, 0.1));
  for (auto& given : world.table.given[1]) std::fill(given.begin(), given.end(), 700.0);
  GateSearch search = world.search(0.7 * world.search(1.0).latency_ms());
  const int before = search.outcomes()[1];
  world.run(search, 0.02, 3);
  EXPECT_EQ(search.outcomes()[1], before);
}

TEST(GateSearch, EveryMoveChangesOneBlockToAnotherNetwork) {
  Random random(5);
  for (const SearchSpace& space : small_spaces()) {
    LatencyTable table;
    std::size_t before = 1;
    for (const BlockSpace& block : blocks_of(space)) {
      const std::size_t num_outcomes = outcome_table(block).outcomes.size();
      std::vector<double> row;
      for (std::size_t i = 0; i < num_outcomes; ++i)
        row.push_back(static_cast<double>(10 + random.below(100)));
      table.given.emplace_back(before, row);
      before = num_outcomes;
    }
    GateSearch search(space, table, 1.0, 1.0);
    const std::vector<BlockSpace> blocks = blocks_of(space);
    for (const GateMove& move : search.moves()) {
      EXPECT_NE(move.outcome, search.outcomes()[move.block]);
      const Outcome outcome = merge(blocks[move.block].branches, move.choices);
      EXPECT_EQ(outcome_table(blocks[move.block]).index_of(outcome), move.outcome);
      EXPECT_TRUE(blocks[move.block].can_skip || !outcome.empty());
    }
  }
}

TEST(GateSearch, WhatWasChangedAddsUpToWhatIsOpen) {
  const PlantedWorld world({0.02, 0.1, 0.05, 0.07, 0.01, 0.03});
  const GateSearch full = world.search(0.6 * world.search(1.0).latency_ms());
  GateSearch search = full;
  world.run(search, 0.02, 9);
  std::vector<int> outcomes = full.outcomes();
  double ms = full.latency_ms();
  for (const GateSearch::Change& change : search.changes()) {
    EXPECT_EQ(outcomes[change.block], change.from);
    outcomes[change.block] = change.to;
    ms += change.ms;
  }
  EXPECT_EQ(outcomes, search.outcomes());
  EXPECT_NEAR(ms, search.latency_ms(), 1e-9);
}

TEST(GateSearch, ContinuesFromItsStateAsIfItHadNotStopped) {
  const PlantedWorld world({0.02, 0.1, 0.05, 0.07, 0.01, 0.03});
  const GateSearch full = world.search(0.6 * world.search(1.0).latency_ms());
  for (const int stop : {0, 1, 60, 120, 170, 199}) {
    GateSearch whole = full;
    GateSearch resumed = full;
    Random random(7);
    for (int i = 0; i < kNumSteps; ++i) {
      if (i == stop) resumed.set_state(whole.state());
      Random same = random;
      world.step(whole, i, 0.02, random);
      if (i >= stop) world.step(resumed, i, 0.02, same);
    }
    EXPECT_EQ(resumed.outcomes(), whole.outcomes());
    EXPECT_EQ(resumed.changes().size(), whole.changes().size());
  }
}

TEST(GateSearch, AStateOfAnotherSpaceIsRefused) {
  const PlantedWorld world(std::vector<double>(6, 0.1));
  GateSearch search = world.search(1.0);
  const GateSearch::State good = search.state();
  const auto expect_refused = [&](auto damage) {
    GateSearch::State state = good;
    damage(state);
    EXPECT_THROW(search.set_state(state), InputError);
  };
  expect_refused([](auto& state) { state.choices.pop_back(); });
  expect_refused([](auto& state) { state.choices[0].pop_back(); });
  expect_refused([](auto& state) { state.choices[1][0].kernel = 2; });
  expect_refused([](auto& state) { state.choices[1][0].expansion_ratio = -1; });
  expect_refused([](auto& state) { state.means.pop_back(); });
  expect_refused([](auto& state) { state.counts[0] = -1; });
  expect_refused([](auto& state) { state.means[0] = std::nan(""); });
  expect_refused([](auto& state) { state.changes.push_back({0, 6, 0, 0, 0.0, 0.0}); });
  expect_refused([](auto& state) { state.changes.push_back({0, 0, 0, 99, 0.0, 0.0}); });
  EXPECT_NO_THROW(search.set_state(good));
}

}  // namespace
}  // namespace tilewake
