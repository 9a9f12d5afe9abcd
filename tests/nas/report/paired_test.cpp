// SPDX-License-Identifier: Apache-2.0
#include "nas/report/paired.hpp"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

namespace tilewake {
namespace {

TEST(SampleStatisticsTest, IsWhatHandsCompute) {
  // Deviations -3, -1, -1, -1, 0, 0, 2, 4 from the mean 5: squares add up to 32, over 7.
  const SampleStatistics eight = sample_statistics(std::vector<double>{2, 4, 4, 4, 5, 5, 7, 9});
  EXPECT_EQ(eight.n, 8);
  EXPECT_DOUBLE_EQ(eight.mean, 5.0);
  EXPECT_DOUBLE_EQ(eight.standard_deviation.value(), std::sqrt(32.0 / 7.0));
  EXPECT_DOUBLE_EQ(eight.standard_error.value(), std::sqrt(32.0 / 56.0));

  const SampleStatistics two = sample_statistics(std::vector<double>{1.0, 2.0});
  EXPECT_DOUBLE_EQ(two.mean, 1.5);
  EXPECT_DOUBLE_EQ(two.standard_deviation.value(), std::sqrt(0.5));
  EXPECT_DOUBLE_EQ(two.standard_error.value(), 0.5);
}

TEST(SampleStatisticsTest, OneValueHasNoSpread) {
  const SampleStatistics one = sample_statistics(std::vector<double>{0.75});
  EXPECT_EQ(one.n, 1);
  EXPECT_EQ(one.mean, 0.75);
  EXPECT_FALSE(one.standard_deviation);
  EXPECT_FALSE(one.standard_error);
}

TEST(SampleStatisticsTest, ALargeMeanDoesNotReduceThePrecisionOfTheSpread) {
  const SampleStatistics far = sample_statistics(std::vector<double>{1e9 + 1, 1e9 + 2, 1e9 + 3});
  EXPECT_DOUBLE_EQ(far.mean, 1e9 + 2);
  EXPECT_DOUBLE_EQ(far.standard_deviation.value(), 1.0);
  const SampleStatistics same = sample_statistics(std::vector<double>{0.5, 0.5, 0.5});
  EXPECT_EQ(same.standard_deviation, 0.0);
  EXPECT_EQ(same.standard_error, 0.0);
}

TEST(PairedDifferenceTest, IsOverTheCommonSeedsOnly) {
  const ValueBySeed a = {{1, 10.0}, {2, 20.0}, {3, 30.0}, {7, 1000.0}};
  const ValueBySeed b = {{0, -1000.0}, {1, 9.0}, {2, 18.0}, {3, 27.0}};
  const SampleStatistics difference = paired_difference(a, b).value();  // of 1, 2, 3
  EXPECT_EQ(difference.n, 3);
  EXPECT_DOUBLE_EQ(difference.mean, 2.0);
  EXPECT_DOUBLE_EQ(difference.standard_deviation.value(), 1.0);
  EXPECT_DOUBLE_EQ(difference.standard_error.value(), 1.0 / std::sqrt(3.0));
  EXPECT_DOUBLE_EQ(paired_difference(b, a)->mean, -2.0);
}

TEST(PairedDifferenceTest, EffectsOfASeedOnBothMethodsCancel) {
  const ValueBySeed a = {{1, 100.5}, {2, -7.5}, {3, 1e4 + 0.5}};
  const ValueBySeed b = {{1, 100.0}, {2, -8.0}, {3, 1e4}};
  EXPECT_EQ(paired_difference(a, b)->mean, 0.5);
  EXPECT_EQ(paired_difference(a, b)->standard_error, 0.0);
}

TEST(PairedDifferenceTest, WithoutCommonSeedsThereIsNoneAndWithOneNoSpread) {
  EXPECT_FALSE(paired_difference({{1, 1.0}}, {{2, 1.0}}));
  EXPECT_FALSE(paired_difference({}, {}));
  const SampleStatistics one = paired_difference({{1, 1.0}, {2, 5.0}}, {{2, 3.0}}).value();
  EXPECT_EQ(one.n, 1);
  EXPECT_EQ(one.mean, 2.0);
  EXPECT_FALSE(one.standard_error);
}

// Tables of the paired t-test at 5 %, two-sided, and a power of 80 %: 34 pairs for a mean of half a
// deviation, 15 for 0.8, 10 for 1.0.
TEST(RequiredValuesTest, AreThoseOfTablesOfPower) {
  const SampleStatistics unit = sample_statistics(std::vector<double>{-1.0, 0.0, 1.0});
  ASSERT_DOUBLE_EQ(unit.standard_deviation.value(), 1.0);
  EXPECT_EQ(required_values(unit, 0.5), 34);
  EXPECT_EQ(required_values(unit, 0.8), 15);
  EXPECT_EQ(required_values(unit, 1.0), 10);
  EXPECT_EQ(required_values(unit, -1.0), 10) << "whichever is better";
  EXPECT_EQ(required_values(unit, 0.01), kMaxRequired);
  EXPECT_FALSE(required_values(sample_statistics(std::vector<double>{1.0}), 0.5));
  EXPECT_EQ(required_values(sample_statistics(std::vector<double>{1.0, 1.0}), 0.5), 2);
}

TEST(RequiredValuesTest, TheConfidenceIntervalIsThatOfStudent) {
  // 4.302653 standard errors for 2 degrees of freedom.
  const SampleStatistics three = sample_statistics(std::vector<double>{1.0, 2.0, 3.0});
  EXPECT_NEAR(confidence_half(three).value(), 4.302653 / std::sqrt(3.0), 1e-6);
  EXPECT_FALSE(confidence_half(sample_statistics(std::vector<double>{1.0})));
}

}  // namespace
}  // namespace tilewake
