// SPDX-License-Identifier: Apache-2.0
#include "nas/supernet/latency_loss.hpp"

#include <cmath>
#include <cstddef>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/supernet/supernet.hpp"
#include "tests/nas/supernet/small_space.hpp"
#include "tests/nas/supernet/torch_test.hpp"
#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using torch::Tensor;
using LatencyLossTest = TorchTest;

constexpr double kCyclesToMs = 1e-6;

/// Random cycles for every pair of outcomes at neighbouring blocks.
LatencyTable random_table(const Supernet& supernet, std::uint64_t seed) {
  Random random(seed);
  LatencyTable table;
  table.fixed_cycles = 12345.0;
  std::size_t before = 1;
  for (const SuperBlock& block : supernet->blocks) {
    const std::size_t now = block->outcomes.outcomes.size();
    std::vector<std::vector<double>> given(before);
    for (std::vector<double>& row : given) {
      for (std::size_t i = 0; i < now; ++i)
        row.push_back(static_cast<double>(random.between(-1000, 100000)));
    }
    table.given.push_back(given);
    before = now;
  }
  return table;
}

LatencyLoss loss_of(const LatencyTable& table, double target_ms = 1.0, double weight = 15.0,
                    double slope = 100.0) {
  return LatencyLoss(table, kCyclesToMs, target_ms, weight, slope);
}

TEST_F(LatencyLossTest, HardGatesExpectExactlyTheTablesCycles) {
  Random random(3);
  for (const SearchSpace& space : small_spaces()) {
    Supernet supernet(space, GateOptions());
    const LatencyTable table = random_table(supernet, 1);
    const LatencyLoss loss = loss_of(table);
    for (int n = 0; n < 20; ++n) {
      randomize_thresholds(supernet, random, 0.6);
      std::vector<int> choices;
      for (SuperBlock& block : supernet->blocks)
        choices.push_back(block->outcomes.index_of(block->outcome()));
      const double expected = table.total_cycles(choices) * kCyclesToMs;
      const auto output = supernet->forward(small_images(2));
      EXPECT_NEAR(loss.expected_ms(output.probabilities).item<double>(), expected, 1e-7 * expected);
      std::vector<Tensor> doubles;
      for (const Tensor& p : output.probabilities) doubles.push_back(p.to(torch::kDouble));
      EXPECT_NEAR(loss.expected_ms(doubles).item<double>(), expected, 1e-14 * expected);
    }
  }
}

TEST_F(LatencyLossTest, SoftGatesExpectTheMeanOverAllNetworks) {
  SearchSpace space = small_space({branch_of({3, 5}, {0, 1}), branch_of({3, 5}, {0, 1})});
  space.stages[0].depth = 2;
  space.stages[1].depth = 1;
  Supernet supernet(space, GateOptions());
  supernet->to(torch::kDouble);
  const LatencyTable table = random_table(supernet, 2);
  std::vector<Tensor> probabilities;
  for (SuperBlock& block : supernet->blocks)
    probabilities.push_back(block->outcome_probabilities(SoftGates(block).gates(block)));
  double expected = 0.0;
  for (int a = 0; a < probabilities[0].size(0); ++a) {
    for (int b = 0; b < probabilities[1].size(0); ++b) {
      for (int c = 0; c < probabilities[2].size(0); ++c) {
        expected += table.total_cycles({a, b, c}) * probabilities[0][a].item<double>() *
                    probabilities[1][b].item<double>() * probabilities[2][c].item<double>();
      }
    }
  }
  expected *= kCyclesToMs;
  EXPECT_NEAR(loss_of(table).expected_ms(probabilities).item<double>(), expected, 1e-12 * expected);
}

TEST_F(LatencyLossTest, GradientsOfGatesAreThoseOfFiniteDifferences) {
  Supernet supernet(small_spaces().front(), GateOptions());
  supernet->to(torch::kDouble);
  const LatencyTable table = random_table(supernet, 5);
  const LatencyLoss latency = loss_of(table, 0.05);
  std::vector<SoftGates> soft;
  for (const SuperBlock& block : supernet->blocks) soft.emplace_back(block);
  const auto value = [&] {
    std::vector<Tensor> probabilities;
    for (std::size_t b = 0; b < soft.size(); ++b) {
      SuperBlock& block = supernet->blocks[b];
      probabilities.push_back(block->outcome_probabilities(soft[b].gates(block)));
    }
    return latency.loss(latency.expected_ms(probabilities));
  };
  const Tensor loss = value();
  ASSERT_GT(loss.item<double>(), 0.0);
  loss.backward();
  for (const SoftGates& gates : soft) {
    for (const Tensor& leaf : gates.leaves)
      EXPECT_LT(relative_difference(leaf.grad(), finite_differences(leaf.detach(), value, 1e-5)),
                1e-6);
  }
}

TEST_F(LatencyLossTest, OverTheTargetItGrowsLikeALogarithmAndUnderItIsZero) {
  Supernet supernet(small_spaces().back(), GateOptions());
  const LatencyLoss latency = loss_of(random_table(supernet, 1), 2.0, 15.0, 100.0);
  EXPECT_EQ(latency.target_ms(), 2.0);
  for (const double ms : {0.0, 1.0, 1.999, 2.0, 2.001, 2.5, 40.0}) {
    Tensor value = torch::tensor(ms, torch::kDouble).requires_grad_();
    const Tensor loss = latency.loss(value);
    loss.backward();
    const double over = std::max(0.0, ms / 2.0 - 1.0);
    EXPECT_NEAR(loss.item<double>(), 15.0 * std::log(1.0 + 100.0 * over), 1e-12) << ms;
    const double slope = over > 0.0 ? 15.0 * (100.0 / 2.0) / (1.0 + 100.0 * over) : 0.0;
    EXPECT_NEAR(value.grad().item<double>(), slope, 1e-9) << ms;
  }
}

TEST_F(LatencyLossTest, TargetsScaleWithTheLatency) {
  // One setting of weight and slope serves machines of any speed.
  Supernet supernet(small_spaces()[1], GateOptions());
  const LatencyTable table = random_table(supernet, 4);
  const auto output = supernet->forward(small_images(2));
  const auto loss_at = [&](double cycles_to_ms, double target_ms) {
    const LatencyLoss latency(table, cycles_to_ms, target_ms, 15.0, 100.0);
    return latency.loss(latency.expected_ms(output.probabilities)).item<double>();
  };
  EXPECT_NEAR(loss_at(1e-6, 0.1), loss_at(1e-4, 10.0), 1e-4);
}

TEST_F(LatencyLossTest, AnOverrunHasAGradientInEveryThresholdThatReducesIt) {
  Supernet supernet(small_spaces().front(), GateOptions());
  LatencyTable table = random_table(supernet, 7);
  for (std::size_t b = 0; b < table.given.size(); ++b) {
    // Cycles grow with channels and taps, as on a machine.
    for (std::vector<double>& row : table.given[b]) {
      for (std::size_t i = 0; i < row.size(); ++i) {
        row[i] = 0.0;
        for (const MixBranch& branch : supernet->blocks[b]->outcomes.outcomes[i])
          row[i] += 1000.0 * branch.expansion_ratio * branch.kernel * branch.kernel;
      }
    }
  }
  const LatencyLoss latency = loss_of(table, 0.01);
  latency.loss(latency.expected_ms(supernet->forward(small_images(2)).probabilities)).backward();
  for (const Tensor& thresholds : supernet->thresholds())
    EXPECT_LT(thresholds.grad().max().item<double>(), 0.0) << "a higher threshold is faster";
}

TEST_F(LatencyLossTest, BadSettingsAreRefused) {
  Supernet supernet(small_spaces().back(), GateOptions());
  const LatencyTable table = random_table(supernet, 1);
  EXPECT_THAT(input_error_of([&] { loss_of(table, 0.0); }), HasSubstr("target"));
  EXPECT_THAT(input_error_of([&] { loss_of(table, 1.0, -1.0); }), HasSubstr("weight"));
  EXPECT_THAT(input_error_of([&] { loss_of(table, 1.0, 1.0, -2.0); }), HasSubstr("slope"));
}

}  // namespace
}  // namespace tilewake
