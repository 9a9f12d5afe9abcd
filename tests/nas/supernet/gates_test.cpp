// SPDX-License-Identifier: Apache-2.0
#include "nas/supernet/gates.hpp"

#include <cmath>
#include <cstddef>

#include <gtest/gtest.h>

#include "tests/nas/supernet/torch_test.hpp"

namespace tilewake {
namespace {

using GatesTest = TorchTest;

torch::Tensor doubles(const std::vector<double>& values) {
  return torch::tensor(values, torch::kDouble);
}

TEST_F(GatesTest, RingsAddUpToOneAndEveryWindowIsCentred) {
  for (const std::vector<int>& kernels :
       std::vector<std::vector<int>>{{3}, {3, 5}, {3, 5, 7}, {5, 7}, {3, 7}, {1, 3, 9}}) {
    const std::vector<torch::Tensor> rings = ring_masks(kernels);
    ASSERT_EQ(rings.size(), kernels.size());
    torch::Tensor window = torch::zeros({kernels.back(), kernels.back()});
    for (std::size_t i = 0; i < rings.size(); ++i) {
      window = window + rings[i];
      EXPECT_TRUE(window.equal(window.flip({0})) && window.equal(window.flip({1})));
      EXPECT_TRUE((window * (window - 1.0)).eq(0.0).all().item<bool>()) << "rings overlap";
      EXPECT_EQ(window.sum().item<double>(), kernels[i] * kernels[i]);
      EXPECT_EQ(window.select(0, kernels.back() / 2).sum().item<double>(), kernels[i]);
    }
    EXPECT_TRUE(window.eq(1.0).all().item<bool>());
  }
}

TEST_F(GatesTest, AGateIsOpenAtItsThreshold) {
  const torch::Tensor norms = doubles({0.25, 0.5, 1.0, 0.0});
  const torch::Tensor thresholds = doubles({0.5, 0.5, 0.5, 0.0});
  const torch::Tensor scales = doubles({0.5, 1.0, 2.0, 1.0});
  const GateList list =
      gate_list((norms / scales).square(), thresholds, scales, torch::Tensor(), 1.0);
  EXPECT_TRUE(list.open.equal(doubles({0.0, 1.0, 1.0, 1.0})));
}

TEST_F(GatesTest, AGatesGradientIsThatOfTheSigmoid) {
  for (const double temperature : {0.05, 1.0, 3.0}) {
    torch::Tensor energies = torch::rand({5}, torch::kDouble).requires_grad_();
    torch::Tensor thresholds = torch::rand({5}, torch::kDouble).requires_grad_();
    const torch::Tensor scales = torch::rand({5}, torch::kDouble) + 0.5;
    const torch::Tensor factors = torch::randn({5}, torch::kDouble);
    const GateList list = gate_list(energies, thresholds, scales, torch::Tensor(), temperature);
    (list.open * factors).sum().backward();
    const auto smooth = [&] {
      const torch::Tensor margin = energies.sqrt() * scales - thresholds;
      return (torch::sigmoid(margin / temperature) * factors).sum();
    };
    for (const torch::Tensor& leaf : {energies, thresholds})
      EXPECT_LT(relative_difference(leaf.grad(), finite_differences(leaf.detach(), smooth)), 1e-6);
  }
}

TEST_F(GatesTest, AListHasNestedProductsOfSelectedGatesAndProbabilitiesOfAll) {
  const torch::Tensor thresholds = doubles({-1.0, -1.0, 9.0, -1.0});
  const torch::Tensor ones = torch::ones({4}, torch::kDouble);
  const GateList all = gate_list(ones, thresholds, ones, torch::Tensor(), 1.0);
  EXPECT_TRUE(all.nested.equal(doubles({1.0, 1.0, 1.0, 0.0, 0.0})));
  EXPECT_TRUE(all.probabilities.equal(doubles({0.0, 0.0, 1.0, 0.0, 0.0})));
  const GateList selected = gate_list(ones, thresholds, ones, doubles({1.5, 0.0, 2.0, 2.0}), 1.0);
  EXPECT_TRUE(selected.open.equal(all.open));
  EXPECT_TRUE(selected.nested.equal(doubles({1.0, 1.5, 0.0, 0.0, 0.0})));
  EXPECT_TRUE(selected.probabilities.equal(all.probabilities));
}

TEST_F(GatesTest, GradientsOfAListAreThoseOfItsPartsWithAndWithoutSelection) {
  for (const bool selects : {false, true}) {
    for (const double shift : {-1.0, 0.0, 1.0}) {
      torch::Tensor energies = torch::rand({3}, torch::kDouble).requires_grad_();
      torch::Tensor thresholds = (torch::rand({3}, torch::kDouble) + shift).requires_grad_();
      const torch::Tensor scales = torch::ones({3}, torch::kDouble);
      const torch::Tensor selection = selects ? doubles({1.5, 2.0, 0.0}) : torch::Tensor();
      const torch::Tensor a = torch::randn({4}, torch::kDouble);
      const torch::Tensor b = torch::randn({4}, torch::kDouble);
      const auto sum = [&](const torch::Tensor& nested, const torch::Tensor& probabilities) {
        return (nested * a).sum() + (probabilities * b).sum();
      };
      const GateList list = gate_list(energies, thresholds, scales, selection, 0.7);
      const auto gradients =
          torch::autograd::grad({sum(list.nested, list.probabilities)}, {energies, thresholds});
      // Straight through by construction.
      const torch::Tensor margin = energies.sqrt() - thresholds;
      const torch::Tensor sigmoid = torch::sigmoid(margin / 0.7);
      const torch::Tensor open = sigmoid + (margin.ge(0).to(torch::kDouble) - sigmoid).detach();
      const torch::Tensor nested = nested_product(selects ? open * selection : open);
      const auto expected = torch::autograd::grad(
          {sum(nested, choice_probabilities(nested_product(open)))}, {energies, thresholds});
      for (std::size_t i = 0; i < expected.size(); ++i)
        EXPECT_LT((gradients[i] - expected[i]).abs().max().item<double>(), 1e-12);
    }
  }
}

TEST_F(GatesTest, NestedProductsAndTheirGradientsHoldAtClosedGatesToo) {
  for (const std::vector<double>& values : std::vector<std::vector<double>>{{0.3},
                                                                            {0.0},
                                                                            {1.0, 1.0},
                                                                            {0.0, 1.0},
                                                                            {1.0, 0.0, 1.0},
                                                                            {0.0, 0.0, 0.0},
                                                                            {0.5, 2.0, 0.7}}) {
    torch::Tensor gates = doubles(values).requires_grad_();
    const torch::Tensor nested = nested_product(gates);
    ASSERT_EQ(nested.size(0), gates.size(0) + 1);
    double product = 1.0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_DOUBLE_EQ(nested[static_cast<std::int64_t>(i)].item<double>(), product);
      product *= values[i];
    }
    EXPECT_DOUBLE_EQ(nested[-1].item<double>(), product);
    const torch::Tensor factors = torch::randn({nested.size(0)}, torch::kDouble);
    (nested * factors).sum().backward();
    const torch::Tensor expected =
        finite_differences(gates.detach(), [&] { return (nested_product(gates) * factors).sum(); });
    EXPECT_LT((gates.grad() - expected).abs().max().item<double>(), 1e-8);
  }
}

TEST_F(GatesTest, ChoiceProbabilitiesAreProductsOfGatesAndTheNextOnesComplement) {
  const double a = 0.7, b = 0.2, c = 0.9;
  const torch::Tensor p = choice_probabilities(nested_product(doubles({a, b, c})));
  EXPECT_LT(relative_difference(p, doubles({1.0 - a, a * (1.0 - b), a * b * (1.0 - c), a * b * c})),
            1e-12);
  // Hard gates give exactly 0 and 1, in single precision too.
  const torch::Tensor hard = torch::tensor({1.0F, 0.0F, 1.0F});
  EXPECT_TRUE(
      choice_probabilities(nested_product(hard)).equal(torch::tensor({0.0F, 1.0F, 0.0F, 0.0F})));
}

TEST_F(GatesTest, RegionEnergiesAreSumsOfSquares) {
  const torch::Tensor weight = torch::randn({6, 1, 5, 5}, torch::kDouble).requires_grad_();
  torch::Tensor bands = torch::zeros({2, 6}, torch::kDouble);
  bands[0].narrow(0, 0, 2).fill_(1.0);
  bands[1].narrow(0, 2, 4).fill_(1.0);
  const std::vector<torch::Tensor> masks = ring_masks({3, 5});
  const torch::Tensor rings = torch::stack(masks).flatten(1).t().to(torch::kDouble);
  const torch::Tensor energies = region_energies(weight, bands, rings);
  for (std::int64_t b = 0; b < 2; ++b) {
    for (std::int64_t r = 0; r < 2; ++r) {
      const torch::Tensor region = weight.narrow(0, b == 0 ? 0 : 2, b == 0 ? 2 : 4) *
                                   masks[static_cast<std::size_t>(r)].to(torch::kDouble);
      EXPECT_NEAR(energies[b][r].item<double>(), region.square().sum().item<double>(), 1e-12);
    }
  }
  const torch::Tensor factors = torch::randn({2, 2}, torch::kDouble);
  (energies * factors).sum().backward();
  const torch::Tensor expected = finite_differences(
      weight.detach(), [&] { return (region_energies(weight, bands, rings) * factors).sum(); });
  EXPECT_LT(relative_difference(weight.grad(), expected), 1e-7);
}

/// How often a list's first dropped gate is gate i; [num_gates]: none.
std::vector<double> count_first_dropped(int num_gates, int num_draws, GateScaling scaling) {
  std::vector<double> count(static_cast<std::size_t>(num_gates) + 1, 0.0);
  RandomStream stream(17);
  for (int n = 0; n < num_draws; ++n) {
    const std::vector<double> factors = draw_selection(num_gates, scaling, stream);
    std::size_t first = 0;
    while (first < factors.size() && factors[first] != 0.0) ++first;
    count[first] += 1.0;
  }
  return count;
}

TEST_F(GatesTest, EqualSelectionGivesAllOutcomesOfAListEqually) {
  // Chi-square of 1, 2 and 3 degrees of freedom at 0.1 %.
  const std::vector<double> limits = {10.83, 13.82, 16.27};
  const int num_draws = 60000;
  for (int num_gates = 1; num_gates <= 3; ++num_gates) {
    const std::vector<double> count =
        count_first_dropped(num_gates, num_draws, GateScaling::kInverted);
    const double expected = num_draws / static_cast<double>(count.size());
    double chi_square = 0.0;
    for (const double n : count) chi_square += (n - expected) * (n - expected) / expected;
    EXPECT_LT(chi_square, limits[static_cast<std::size_t>(num_gates) - 1]) << num_gates;
  }
}

TEST_F(GatesTest, InvertedScalingKeepsTheExpectationOfEveryNestedProduct) {
  const int num_draws = 40000;
  const int num_gates = 3;
  RandomStream stream(5);
  std::vector<double> sums(num_gates, 0.0), squares(num_gates, 0.0);
  for (int n = 0; n < num_draws; ++n) {
    double product = 1.0;
    const std::vector<double> factors = draw_selection(num_gates, GateScaling::kInverted, stream);
    for (std::size_t i = 0; i < factors.size(); ++i) {
      product *= factors[i];
      sums[i] += product;
      squares[i] += product * product;
    }
  }
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const double mean = sums[i] / num_draws;
    const double deviation = std::sqrt((squares[i] / num_draws - mean * mean) / num_draws);
    EXPECT_NEAR(mean, 1.0, 4.0 * deviation);
  }
}

TEST_F(GatesTest, WithoutScalingAKeptGateStaysAsItIs) {
  RandomStream stream(5);
  for (int n = 0; n < 100; ++n) {
    for (const double factor : draw_selection(3, GateScaling::kNone, stream))
      EXPECT_TRUE(factor == 0.0 || factor == 1.0);
  }
  RandomStream same(5), other(5);
  EXPECT_EQ(draw_selection(3, GateScaling::kInverted, same),
            draw_selection(3, GateScaling::kInverted, other));
  EXPECT_TRUE(draw_selection(0, GateScaling::kInverted, same).empty());
}

}  // namespace
}  // namespace tilewake
