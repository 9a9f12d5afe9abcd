// SPDX-License-Identifier: Apache-2.0
#include "latency_model/rank_correlation.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/random.hpp"

namespace tilewake {
namespace {

using Values = std::vector<double>;

int sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }

double tau_by_definition(const Values& a, const Values& b) {
  double agreement = 0;
  double untied_a = 0;
  double untied_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      agreement += sign(a[i] - a[j]) * sign(b[i] - b[j]);
      untied_a += std::abs(sign(a[i] - a[j]));
      untied_b += std::abs(sign(b[i] - b[j]));
    }
  return untied_a * untied_b == 0 ? 0.0 : agreement / std::sqrt(untied_a * untied_b);
}

/// Mean rank of values[i]: those below it, and half of those equal to it.
Values ranks_by_definition(const Values& values) {
  Values ranks;
  for (const double x : values) {
    double rank = 0.5;
    for (const double y : values) rank += y < x ? 1.0 : y == x ? 0.5 : 0.0;
    ranks.push_back(rank);
  }
  return ranks;
}

double pearson(const Values& a, const Values& b) {
  const auto n = static_cast<double>(a.size());
  double mean_a = 0;
  double mean_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    mean_a += a[i] / n;
    mean_b += b[i] / n;
  }
  double ab = 0;
  double aa = 0;
  double bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return aa * bb < 1e-12 ? 0.0 : ab / std::sqrt(aa * bb);
}

TEST(RankCorrelationTest, AgreesWithTheDefinitionsOnRandomDataWithTies) {
  Random random(1);
  for (int i = 0; i < 500; ++i) {
    const std::size_t n = random.below(60);
    const std::size_t num_values = 1 + random.below(40);  // few of them: many ties
    Values a;
    Values b;
    for (std::size_t j = 0; j < n; ++j) {
      a.push_back(static_cast<double>(random.below(num_values)));
      b.push_back(random.one_in(2) ? a.back() : static_cast<double>(random.below(num_values)));
    }
    EXPECT_NEAR(kendall_tau(a, b), tau_by_definition(a, b), 1e-12) << "case " << i;
    const double rho = pearson(ranks_by_definition(a), ranks_by_definition(b));
    EXPECT_NEAR(spearman(a, b), rho, 1e-12) << "case " << i;
  }
}

TEST(RankCorrelationTest, SameOrderIsOneAndReversedOrderIsMinusOne) {
  const Values a = {1, 2, 3, 4, 5};
  const Values same = {10, 11, 500, 501, 1e9};
  const Values reversed = {5, 4, 3, 2, 1};
  EXPECT_EQ(kendall_tau(a, same), 1.0);
  EXPECT_EQ(spearman(a, same), 1.0);
  EXPECT_EQ(kendall_tau(a, reversed), -1.0);
  EXPECT_EQ(spearman(a, reversed), -1.0);
}

TEST(RankCorrelationTest, OneSwapOfNeighboursInFour) {
  const Values a = {1, 2, 3, 4};
  const Values b = {1, 3, 2, 4};
  EXPECT_DOUBLE_EQ(kendall_tau(a, b), 4.0 / 6.0);  // five pairs agree, one does not
  EXPECT_DOUBLE_EQ(spearman(a, b), 1.0 - 6.0 * 2.0 / (4.0 * 15.0));
}

TEST(RankCorrelationTest, WithoutAnOrderThereIsNoCorrelation) {
  const Values none;
  const Values one = {1};
  const Values equal = {2, 2, 2};
  const Values other = {1, 2, 3};
  EXPECT_EQ(kendall_tau(none, none), 0.0);
  EXPECT_EQ(spearman(none, none), 0.0);
  EXPECT_EQ(kendall_tau(one, one), 0.0);
  EXPECT_EQ(spearman(one, one), 0.0);
  EXPECT_EQ(kendall_tau(equal, other), 0.0);
  EXPECT_EQ(spearman(other, equal), 0.0);
}

TEST(RankCorrelationTest, HundredThousandPairsTakeNoQuadraticTime) {
  Random random(2);
  Values a;
  Values b;
  for (int i = 0; i < 100'000; ++i) {
    a.push_back(static_cast<double>(random.below(1'000'000)));
    b.push_back(-a.back());
  }
  EXPECT_EQ(kendall_tau(a, b), -1.0);  // 5e9 pairs, were it quadratic
}

}  // namespace
}  // namespace tilewake
