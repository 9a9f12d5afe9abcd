// SPDX-License-Identifier: Apache-2.0
#include "nas/training/schedule.hpp"

#include <cmath>
#include <cstdint>

#include <gtest/gtest.h>

namespace tilewake {
namespace {

ScheduleOptions schedule_of(ScheduleKind kind, double rate) {
  ScheduleOptions options;
  options.kind = kind;
  options.learning_rate = rate;
  return options;
}

TEST(LearningRate, IsGivenPer256ImagesOfTheBatch) {
  const ScheduleOptions options = schedule_of(ScheduleKind::kConstant, 0.1);
  EXPECT_DOUBLE_EQ(learning_rate(options, 256, 7, 10.0, 100), 0.1);
  EXPECT_DOUBLE_EQ(learning_rate(options, 64, 7, 10.0, 100), 0.025);
  EXPECT_DOUBLE_EQ(learning_rate(options, 1024, 99, 10.0, 100), 0.4);
}

// The method's own: 0.016 per 256 images, x 0.97 every 2.4 epochs; 10 steps an epoch, so that every
// stair is 24 steps long.
TEST(LearningRate, StaircaseStepsDownOnceEvery24Steps) {
  const ScheduleOptions options = schedule_of(ScheduleKind::kStaircase, 0.016);
  for (std::int64_t step = 0; step < 3500; ++step) {
    ASSERT_DOUBLE_EQ(learning_rate(options, 1024, step, 10.0, 3500),
                     0.064 * std::pow(0.97, static_cast<double>(step / 24)))
        << "step " << step;
  }
}

TEST(LearningRate, CosineFallsFromOneToTheFinalShareAndIsHalfwayInTheMiddle) {
  ScheduleOptions options = schedule_of(ScheduleKind::kCosine, 1.0);
  options.final_share = 0.2;
  EXPECT_DOUBLE_EQ(learning_rate(options, 256, 0, 10.0, 100), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate(options, 256, 50, 10.0, 100), 0.6);
  EXPECT_DOUBLE_EQ(learning_rate(options, 256, 100, 10.0, 100), 0.2);
  for (std::int64_t step = 0; step < 50; ++step) {  // point symmetric, falling
    const double here = learning_rate(options, 256, step, 10.0, 100);
    ASSERT_NEAR(here + learning_rate(options, 256, 100 - step, 10.0, 100), 1.2, 1e-12);
    ASSERT_GT(here, learning_rate(options, 256, step + 1, 10.0, 100));
  }
}

TEST(LearningRate, WarmUpIsLinearAndDoesNotShiftTheSchedule) {
  for (const ScheduleKind kind :
       {ScheduleKind::kStaircase, ScheduleKind::kCosine, ScheduleKind::kConstant}) {
    const ScheduleOptions without = schedule_of(kind, 0.1);
    ScheduleOptions with = without;
    with.warmup_epochs = 2.5;  // 25 steps
    for (std::int64_t step = 0; step < 100; ++step) {
      const double expected = step < 25 ? 0.1 * static_cast<double>(step + 1) / 25.0
                                        : learning_rate(without, 256, step, 10.0, 100);
      ASSERT_DOUBLE_EQ(learning_rate(with, 256, step, 10.0, 100), expected) << "step " << step;
    }
  }
}

TEST(LearningRate, LessThanAStepOfWarmUpIsNoWarmUp) {
  ScheduleOptions options = schedule_of(ScheduleKind::kConstant, 0.1);
  options.warmup_epochs = 0.05;
  EXPECT_DOUBLE_EQ(learning_rate(options, 256, 0, 10.0, 100), 0.1);
}

}  // namespace
}  // namespace tilewake
