// SPDX-License-Identifier: Apache-2.0
#include "nas/guided/ridge.hpp"

#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/random.hpp"

namespace tilewake {
namespace {

constexpr double kOnePenalty[] = {0.3};

double uniform(Random& random) { return static_cast<double>(random.between(-1000, 1000)) / 1000.0; }

struct RidgeData {
  FeatureRows rows;
  std::vector<double> targets;

  void add(const std::vector<double>& row, double target) {
    rows.num_columns = row.size();
    rows.add(row);
    targets.push_back(target);
  }
};

/// A linear truth with noise.
RidgeData random_data(std::size_t num_rows, std::size_t num_columns, std::uint64_t seed) {
  Random random(seed);
  RidgeData data;
  for (std::size_t i = 0; i < num_rows; ++i) {
    std::vector<double> row;
    for (std::size_t j = 0; j < num_columns; ++j) row.push_back(uniform(random));
    const double sum = std::accumulate(row.begin(), row.end(), 0.0);
    data.add(row, 5.0 + sum + 0.3 * uniform(random));
  }
  return data;
}

/// The objective, with the penalty of the fit.
double objective(const RidgeData& data, const RidgeFit& fit) {
  double sum = 0.0;
  for (std::size_t i = 0; i < data.targets.size(); ++i)
    sum += std::pow(data.targets[i] - fit.predict(data.rows.row(i)), 2);
  for (const double weight : fit.weights) sum += fit.penalty * weight * weight;
  return sum;
}

// Rows more than columns, and columns more than rows.
class RidgeTest : public ::testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Columns, RidgeTest, ::testing::Values(1, 4, 30));

TEST_P(RidgeTest, SolvesTheNormalEquations) {
  const RidgeData data = random_data(12, GetParam(), 1);
  const RidgeFit fit = fit_ridge(data.rows, data.targets, kOnePenalty);
  // X^T (y - y^) = penalty w, and the residuals sum to 0.
  std::vector<double> gradient(GetParam(), 0.0);
  double residuals = 0.0;
  for (std::size_t i = 0; i < data.targets.size(); ++i) {
    const double residual = data.targets[i] - fit.predict(data.rows.row(i));
    residuals += residual;
    for (std::size_t j = 0; j < GetParam(); ++j) gradient[j] += data.rows.row(i)[j] * residual;
  }
  EXPECT_NEAR(residuals, 0.0, 1e-9);
  for (std::size_t j = 0; j < GetParam(); ++j)
    EXPECT_NEAR(gradient[j], fit.penalty * fit.weights[j], 1e-9);
}

TEST_P(RidgeTest, NoOtherFunctionHasALowerObjective) {
  const RidgeData data = random_data(12, GetParam(), 2);
  const RidgeFit fit = fit_ridge(data.rows, data.targets, kOnePenalty);
  const double least = objective(data, fit);
  Random random(3);
  for (int i = 0; i < 50; ++i) {
    RidgeFit other = fit;
    other.offset += 0.01 * uniform(random);
    for (double& weight : other.weights) weight += 0.01 * uniform(random);
    EXPECT_GE(objective(data, other), least);
  }
}

TEST_P(RidgeTest, LeaveOneOutFormulaEqualsLeavingOut) {
  const RidgeData data = random_data(9, GetParam(), 4);
  const RidgeFit all = fit_ridge(data.rows, data.targets, kOnePenalty);
  double sum = 0.0;
  for (std::size_t left = 0; left < data.targets.size(); ++left) {
    RidgeData others;
    for (std::size_t i = 0; i < data.targets.size(); ++i) {
      const auto row = data.rows.row(i);
      if (i != left) others.add({row.begin(), row.end()}, data.targets[i]);
    }
    // Penalties are relative to the rows: the same absolute one for both.
    const double unit = fit_ridge(others.rows, others.targets, kOnePenalty).penalty / 0.3;
    const double penalty[] = {all.penalty / unit};
    const RidgeFit fit = fit_ridge(others.rows, others.targets, penalty);
    ASSERT_NEAR(fit.penalty, all.penalty, 1e-12);
    EXPECT_NEAR(all.left_out[left], fit.predict(data.rows.row(left)), 1e-9);
    sum += std::pow(data.targets[left] - fit.predict(data.rows.row(left)), 2);
  }
  EXPECT_NEAR(all.left_out_error, std::sqrt(sum / static_cast<double>(data.targets.size())), 1e-9);
}

TEST(RidgePenaltyTest, TheChosenPenaltyHasTheLeastLeaveOneOutError) {
  const RidgeData data = random_data(10, 6, 5);
  const std::vector<double> penalties = {0.001, 0.01, 0.1, 1.0, 10.0, 100.0};
  const RidgeFit chosen = fit_ridge(data.rows, data.targets, penalties);
  for (const double penalty : penalties) {
    const double one[] = {penalty};
    EXPECT_LE(chosen.left_out_error, fit_ridge(data.rows, data.targets, one).left_out_error);
  }
}

TEST(RidgePenaltyTest, NoiseIsShrunkMoreThanALinearTruth) {
  const std::vector<double> penalties = {0.001, 0.01, 0.1, 1.0, 10.0, 100.0};
  RidgeData noise = random_data(20, 10, 6);
  const RidgeFit linear = fit_ridge(noise.rows, noise.targets, penalties);
  Random random(7);
  for (double& target : noise.targets) target = uniform(random);
  EXPECT_GT(fit_ridge(noise.rows, noise.targets, penalties).penalty, linear.penalty);
}

TEST(RidgePenaltyTest, TheScaleOfTheFeaturesDoesNotMatter) {
  const RidgeData data = random_data(10, 4, 8);
  RidgeData scaled = data;
  for (double& value : scaled.rows.values) value *= 1000.0;
  const RidgeFit a = fit_ridge(data.rows, data.targets, kOnePenalty);
  const RidgeFit b = fit_ridge(scaled.rows, scaled.targets, kOnePenalty);
  for (std::size_t i = 0; i < data.targets.size(); ++i)
    EXPECT_NEAR(a.predict(data.rows.row(i)), b.predict(scaled.rows.row(i)), 1e-9);
}

TEST(RidgePenaltyTest, EqualRowsAreFittedByTheirMean) {
  RidgeData data;
  for (const double target : {1.0, 2.0, 6.0}) data.add({3.0, 4.0}, target);
  const RidgeFit fit = fit_ridge(data.rows, data.targets, kOnePenalty);
  EXPECT_NEAR(fit.predict(data.rows.row(0)), 3.0, 1e-12);
  EXPECT_NEAR(fit.left_out[0], 4.0, 1e-12);
}

}  // namespace
}  // namespace tilewake
