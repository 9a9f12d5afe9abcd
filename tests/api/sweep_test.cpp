// SPDX-License-Identifier: Apache-2.0
#include "simulator/api/sweep.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "simulator/api/simulation.hpp"

namespace tilewake {
namespace {

SweepPlan small_plan() {
  return {{"midap", "dsp_like"}, {"resnet18", "mobilenet_v1"}, {{"dram.num_channels", {"1", "2"}}}};
}

TEST(SweepTest, PointsAreTheSimulationsOfTheirInputs) {
  Sweep sweep(small_plan());
  std::vector<std::int64_t> done;
  int num_simulated = 0;
  SweepOptions options;
  options.keep_going = [&](std::int64_t num) {
    done.push_back(num);
    return true;
  };
  options.on_simulated = [&](const Summary&) { ++num_simulated; };
  sweep.run(options);
  ASSERT_TRUE(sweep.is_complete());
  EXPECT_EQ(num_simulated, 8);
  EXPECT_EQ(done.back(), 8);
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
  for (std::int64_t i = 0; i < sweep.plan().size(); ++i) {
    const SweepPoint point = sweep.plan().point(i);
    const Simulation alone =
        simulate(read_machine(sweep.plan().hardware()[point.hardware], point.settings),
                 read_workload(sweep.plan().networks()[point.network]));
    const SweepResult& result = sweep.results()[static_cast<std::size_t>(i)];
    ASSERT_NE(result.summary, nullptr) << result.error;
    EXPECT_EQ(result.summary->total_cycles, alone.summary.total_cycles);
    EXPECT_EQ(result.summary->info.machine, alone.summary.info.machine);
    EXPECT_EQ(result.summary->info.network_hash, alone.summary.info.network_hash);
  }
}

TEST(SweepTest, InputThatCannotBeReadFailsItsPointsAlone) {
  Sweep sweep({{"midap", "no_such_machine"}, {"resnet18"}});
  sweep.run();
  ASSERT_TRUE(sweep.is_complete());
  EXPECT_EQ(sweep.num_failed(), 1);
  EXPECT_NE(sweep.results()[0].summary, nullptr);
  EXPECT_EQ(sweep.results()[1].code, ExitCode::kBadInput);
}

TEST(SweepTest, StoppedSweepFinishesWhatIsUnderWayAndResumesFromWhatIsKnown) {
  std::vector<Summary> known;
  SweepOptions options;
  options.num_jobs = 1;
  options.on_simulated = [&](const Summary& point) { known.push_back(point); };
  options.keep_going = [](std::int64_t done) { return done < 3; };
  Sweep stopped(small_plan());
  stopped.run(options);
  EXPECT_FALSE(stopped.is_complete());
  EXPECT_EQ(static_cast<std::int64_t>(known.size()), stopped.num_done());
  const std::int64_t num_known = stopped.num_done();
  const std::vector<Summary> before = known;
  options.keep_going = {};
  options.find = [&](const std::string& machine, std::uint64_t network_hash) -> const Summary* {
    for (const Summary& point : before) {
      if (point.info.machine == machine && point.info.network_hash == network_hash) return &point;
    }
    return nullptr;
  };
  Sweep resumed(small_plan());
  resumed.run(options);
  EXPECT_TRUE(resumed.is_complete());
  EXPECT_EQ(resumed.num_found(), num_known);
  EXPECT_EQ(known.size(), 8U);
}

}  // namespace
}  // namespace tilewake
