// SPDX-License-Identifier: Apache-2.0
#include "latency_model/robust_fit.hpp"

#include <cstddef>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/random.hpp"

namespace tilewake {
namespace {

using ::testing::DoubleNear;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::Le;
using ::testing::Pointwise;

using Values = std::vector<double>;

constexpr double kExpectedWeight = 1e-3;
const Values kPlanted = {1.0, 0.4, 2.5, 0.0};
const Values kExpected(kPlanted.size(), 1.0);

double uniform_value(Random& random, double low, double high) {
  return low + (high - low) * static_cast<double>(random.below(1'000'001)) / 1e6;
}

/// Rows as features have them: shares of a layer's cycles. Errors are even in +-`noise`.
RobustFit planted_fit(Random& random, int num_rows, double noise = 0.0) {
  RobustFit fit(kExpected, kExpectedWeight);
  for (int i = 0; i < num_rows; ++i) {
    Values row(kPlanted.size());
    double sum = 0.0;
    for (std::size_t j = 0; j < row.size(); ++j) {
      row[j] = uniform_value(random, 0, 1);
      sum += row[j] * kPlanted[j];
    }
    for (double& value : row) value /= sum;
    fit.add_row(row, 1.0 + uniform_value(random, -noise, noise));
  }
  return fit;
}

/// Rows that follow no law at all.
void add_outliers(RobustFit& fit, Random& random, int num_rows) {
  for (int i = 0; i < num_rows; ++i) {
    Values row(kPlanted.size());
    for (double& value : row) value = random.one_in(2) ? 0.0 : uniform_value(random, 0, 1);
    fit.add_row(row, uniform_value(random, 0, 1));
  }
}

TEST(RobustFitTest, PlantedSolutionsAreFound) {
  Random random(1);
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(planted_fit(random, 200).solve(), Pointwise(DoubleNear(1e-4), kPlanted));
  }
}

TEST(RobustFitTest, AFifthOfOutliersChangesNextToNothing) {
  Random random(2);
  for (int i = 0; i < 50; ++i) {
    RobustFit fit = planted_fit(random, 400);
    add_outliers(fit, random, 100);
    EXPECT_THAT(fit.solve(), Pointwise(DoubleNear(0.01), kPlanted));
  }
}

TEST(RobustFitTest, AFifthThatAgreeOnAnotherLawChangeNextToNothing) {
  Random random(3);
  RobustFit fit = planted_fit(random, 400);
  for (int i = 0; i < 100; ++i) {
    Values row(kPlanted.size());
    for (double& value : row) value = uniform_value(random, 0, 0.25);
    fit.add_row(row, 2.0 * row[0] + 4.0 * row[1]);
  }
  EXPECT_THAT(fit.solve(), Pointwise(DoubleNear(0.02), kPlanted));
}

TEST(RobustFitTest, NoiseThatAllRowsShareIsAveragedOut) {
  Random random(4);
  EXPECT_THAT(planted_fit(random, 20'000, 0.2).solve(), Pointwise(DoubleNear(0.03), kPlanted));
}

TEST(RobustFitTest, UnknownsWithoutEvidenceStayAtTheExpectedValue) {
  RobustFit fit({1.0, 0.7, 3.0}, kExpectedWeight);
  for (int i = 1; i <= 10; ++i) fit.add_row(Values{0.1 * i, 0.0, 0.0}, 0.2 * i);
  EXPECT_THAT(fit.solve(),
              ElementsAre(DoubleNear(2.0, 1e-5), DoubleNear(0.7, 1e-12), DoubleNear(3.0, 1e-12)));
}

TEST(RobustFitTest, FewerRowsThanUnknownsLeaveTheExpectedValues) {
  RobustFit fit({1.0, 0.7, 3.0}, kExpectedWeight);
  EXPECT_THAT(fit.solve(), ElementsAre(1.0, 0.7, 3.0));
  fit.add_row(Values{0.0, 0.5, 0.5}, 1.0);
  EXPECT_THAT(fit.solve(), ElementsAre(1.0, 0.7, 3.0));
  fit.add_row(Values{0.0, 0.5, 0.0}, 1.0);
  EXPECT_THAT(fit.solve(),
              ElementsAre(DoubleNear(1.0, 1e-12), DoubleNear(2.0, 1e-4), DoubleNear(0.0, 1e-4)));
}

TEST(RobustFitTest, NoUnknownIsNegativeWhateverTheRows) {
  Random random(5);
  for (int i = 0; i < 500; ++i) {
    RobustFit fit(kExpected, kExpectedWeight);
    for (std::size_t n = random.below(40); n > 0; --n) {
      Values row(kPlanted.size());
      for (double& value : row) value = uniform_value(random, -1, 1);
      fit.add_row(row, uniform_value(random, -1, 1));
    }
    EXPECT_THAT(fit.solve(), Each(testing::AllOf(Ge(0.0), Le(1e6))));
  }
}

}  // namespace
}  // namespace tilewake
