// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "latency_model/features/midap/feature_stream.hpp"
#include "tests/support/random.hpp"

namespace tilewake::midap {
namespace {

/// A map of `fragments` full fragments of 10 columns, none of them on chip.
FeatureStream stream_of(std::int64_t fragments, std::int64_t banks) {
  FeatureStream s;
  s.in_columns = 10 * fragments;
  s.bank_columns = 10;
  s.out_columns = s.in_columns;
  s.out_bank_columns = 10;
  s.banks = s.usable = banks;
  s.column_compute = 7.0;
  s.column_load = 5.0;
  s.latency = 40.0;
  return s;
}

FeatureStream random_stream(Random& random) {
  FeatureStream s;
  s.bank_columns = random.between(2, 30);
  s.in_columns = random.between(1, 3000);
  const std::int64_t fragments = (s.in_columns + s.bank_columns - 1) / s.bank_columns;
  s.banks = random.between(2, 8);
  s.usable = s.banks;
  s.resident = random.between(0, std::min(s.banks - 1, fragments));
  s.reach = random.pick<std::int64_t>({0, 0, 1, 2, 4, 6});
  s.reach = std::min(s.reach, s.bank_columns - 1);
  s.stride = random.pick<std::int64_t>({1, 1, 2});
  s.pad = s.reach / 2;
  s.out_columns = (s.in_columns + s.stride - 1) / s.stride;
  s.out_bank_columns = random.between(2, 60);
  s.output_fixed = random.one_in(3);
  s.out_fragments = (s.out_columns + s.out_bank_columns - 1) / s.out_bank_columns;
  s.remaining = random.between(1, s.banks - 1);
  s.tight = fragments + s.out_fragments > s.banks;
  s.reverse = s.out_fragments > s.usable - s.remaining;
  s.passes = static_cast<double>(random.between(1, 40));
  s.batches = random.one_in(2);
  s.tiles = random.one_in(4);
  s.column_compute = static_cast<double>(random.between(1, 900));
  s.column_load = static_cast<double>(random.between(1, 900));
  s.latency = static_cast<double>(random.between(0, 3000));
  s.start = static_cast<double>(random.between(0, 500));
  s.queue = static_cast<double>(random.between(0, 500));
  s.as_planned = random.one_in(4);
  return s;
}

TEST(MidapFeatureStreamTest, OperandsOnChipCauseNoWait) {
  FeatureStream s = stream_of(4, 4);
  s.resident = 4;
  s.start = 3.0;
  const StreamTimes times = run_stream(s);
  EXPECT_DOUBLE_EQ(times.end, 3.0 + 40 * 7.0);
  EXPECT_EQ(times.loads, 0);
}

TEST(MidapFeatureStreamTest, WithOneBankLoadingAndComputingTakeTurns) {
  const StreamTimes times = run_stream(stream_of(9, 1));
  EXPECT_DOUBLE_EQ(times.end, 9 * (40.0 + 50.0 + 70.0));
}

TEST(MidapFeatureStreamTest, WithBanksEnoughComputingHidesAllLoadsButTheFirst) {
  EXPECT_DOUBLE_EQ(run_stream(stream_of(9, 4)).end, 40.0 + 50.0 + 9 * 70.0);
}

TEST(MidapFeatureStreamTest, WithBanksEnoughASlowBusHidesAllComputingButTheLast) {
  FeatureStream s = stream_of(9, 4);
  s.column_load = 20.0;
  EXPECT_DOUBLE_EQ(run_stream(s).end, 40.0 + 9 * 200.0 + 70.0);
}

TEST(MidapFeatureStreamTest, TwoBanksAndALatencyTakeTurnsInPairs) {
  FeatureStream s = stream_of(9, 2);
  s.latency = 500.0;
  // A bank goes through request, transfer and computing while the other one does the same.
  const double turn = 500.0 + 50.0 + 70.0;
  const double expected = 5 * turn + 0.0;
  EXPECT_NEAR(run_stream(s).end, expected, 70.0);
}

TEST(MidapFeatureStreamTest, WeightsTakeTheirShareOfTheBus) {
  FeatureStream s = stream_of(9, 4);
  s.column_load = 6.0;
  s.weight_transfer = 3.5;  // of the 7 cycles of a column
  s.pass_per_column = true;
  // In 70 cycles of computing the bus moves features for 35; for the other 25 the array waits.
  EXPECT_DOUBLE_EQ(run_stream(s).end, 40.0 + 60.0 + 8 * (70.0 + 25.0) + 70.0);
}

TEST(MidapFeatureStreamTest, TheOutputKeepsWhatTheInputLeaves) {
  FeatureStream s = stream_of(3, 4);
  s.resident = 3;
  s.output_fixed = false;
  s.out_fragments = 1;
  EXPECT_EQ(run_stream(s).kept, 1);
  // Of a larger output the last fragments, which replaced input.
  s.out_fragments = 6;
  s.out_bank_columns = 5;
  s.tight = s.reverse = true;
  EXPECT_EQ(run_stream(s).kept, 3);
}

TEST(MidapFeatureStreamTest, ExtrapolatingIsWalkingOverAllFragments) {
  Random random(1);
  int extrapolated = 0;
  for (int i = 0; i < 20'000; ++i) {
    const FeatureStream s = random_stream(random);
    const StreamTimes walked = run_stream(s, false);
    const StreamTimes jumped = run_stream(s);
    ASSERT_EQ(jumped.stuck, walked.stuck) << "case " << i;
    if (walked.stuck) continue;
    ASSERT_EQ(jumped.kept, walked.kept) << "case " << i;
    ASSERT_EQ(jumped.loads, walked.loads) << "case " << i;
    ASSERT_NEAR(jumped.end, walked.end, 1e-6 * walked.end + 1.0) << "case " << i;
    ASSERT_NEAR(jumped.wait, walked.wait, 1e-6 * walked.end + 1.0) << "case " << i;
    extrapolated += walked.loads > 40 ? 1 : 0;
  }
  EXPECT_GT(extrapolated, 1000);
}

TEST(MidapFeatureStreamTest, AFasterBusIsNeverSlower) {
  Random random(2);
  for (int i = 0; i < 5000; ++i) {
    FeatureStream s = random_stream(random);
    s.output_fixed = true;  // otherwise another plan may be taken
    s.batches = false;
    s.as_planned = false;
    const double slow = run_stream(s).end;
    s.column_load /= 2.0;
    ASSERT_LE(run_stream(s).end, slow + 1e-6) << "case " << i;
  }
}

TEST(MidapFeatureStreamTest, ComputingAndLoadingAreLowerBounds) {
  Random random(3);
  for (int i = 0; i < 5000; ++i) {
    const FeatureStream s = random_stream(random);
    const StreamTimes times = run_stream(s);
    if (times.stuck) continue;
    const auto columns = static_cast<double>(s.in_columns);
    ASSERT_GE(times.end, columns * s.column_compute - 1e-6) << "case " << i;
    const auto loaded =
        static_cast<double>(std::max<std::int64_t>(s.in_columns - s.resident * s.bank_columns, 0));
    ASSERT_GE(times.bus_free, loaded * s.column_load - 1e-6) << "case " << i;
  }
}

}  // namespace
}  // namespace tilewake::midap
