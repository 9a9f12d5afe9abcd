// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <gtest/gtest.h>

#include "latency_model/features/midap/pass_timing.hpp"
#include "tests/support/random.hpp"

namespace tilewake::midap {
namespace {

/// The definition, pass by pass.
PassTimes step_by_step(PassTimes times, const PassCosts& costs, int count) {
  for (int i = 0; i < count; ++i) {
    const double begin = std::max(times.begin + costs.slots, times.ready + costs.slots - 1.0);
    times.ready = std::max(times.begin + costs.latency, times.ready) + costs.transfer;
    times.begin = begin;
  }
  return times;
}

PassCosts random_costs(Random& random) {
  return {static_cast<double>(random.between(1, 2000)), static_cast<double>(random.between(0, 900)),
          static_cast<double>(random.between(0, 2500))};
}

TEST(MidapPassTimingTest, AdvancingByManyPassesEqualsSingleSteps) {
  Random random(1);
  for (int i = 0; i < 5000; ++i) {
    const PassCosts costs = random_costs(random);
    const PassTimes from{static_cast<double>(random.between(0, 3000)),
                         static_cast<double>(random.between(-3000, 3000))};
    const int count = static_cast<int>(random.between(0, 80));
    const PassTimes expected = step_by_step(from, costs, count);
    const PassTimes actual = advance(from, costs, count);
    ASSERT_DOUBLE_EQ(actual.begin, expected.begin) << "passes: " << count;
    ASSERT_DOUBLE_EQ(actual.ready, expected.ready) << "passes: " << count;
  }
}

TEST(MidapPassTimingTest, InTheLongRunAPassTakesTheMeanOfManySteps) {
  Random random(2);
  constexpr int kMany = 2000;
  for (int i = 0; i < 200; ++i) {
    const PassCosts costs = random_costs(random);
    const PassTimes settled = step_by_step({}, costs, 100);
    const PassTimes later = step_by_step(settled, costs, kMany);
    ASSERT_NEAR((later.begin - settled.begin) / kMany, cycles_per_pass(costs),
                1e-3 * cycles_per_pass(costs));
  }
}

TEST(MidapPassTimingTest, AsManyRequestsPassATransferAsDelayIt) {
  Random random(3);
  for (int i = 0; i < 2000; ++i) {
    const PassCosts costs = random_costs(random);
    const auto lead = static_cast<double>(random.between(-100, 5000));
    const int count = static_cast<int>(random.between(0, 60));
    // Requests begin every cycles_per_pass(); each that begins before the transfer ends delays it.
    int passing = 0;
    while (passing < count && lead + passing * costs.transfer > passing * cycles_per_pass(costs))
      ++passing;
    ASSERT_EQ(passing_requests(lead, costs, count), passing) << "lead " << lead;
  }
}

}  // namespace
}  // namespace tilewake::midap
