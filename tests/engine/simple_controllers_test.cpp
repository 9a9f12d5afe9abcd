// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/memory/simple_controllers.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "simulator/engine/memory/memory_controller.hpp"
#include "tests/support/random.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

struct SimplyServed {
  MemoryRequest request;
  std::int64_t submitted = 0;
  MemoryCompletion completion;
};

/// Submits random requests with pauses, each as soon as it is taken, and follows the cycles that
/// advance() names.
std::vector<SimplyServed> serve_simply(MemoryController& memory, std::uint64_t seed, int count) {
  Random random(seed);
  std::vector<SimplyServed> served;
  std::vector<MemoryCompletion> completed;
  std::int64_t now = 0;
  for (int i = 0; i < count; ++i) {
    now += random.one_in(3) ? random.between(0, 900) : 0;
    std::int64_t next = memory.advance(now, completed);
    while (!memory.can_accept(now)) {
      EXPECT_GT(next, now);
      now = next;
      next = memory.advance(now, completed);
    }
    const MemoryRequest request{i, random.one_in(3), 64 * random.between(0, 1000),
                                random.between(0, 20000)};
    memory.submit(request, now);
    served.push_back({request, now, {}});
  }
  while (now != MemoryController::kNever) now = memory.advance(now, completed);
  EXPECT_EQ(completed.size(), served.size());
  for (std::size_t i = 0; i < completed.size(); ++i) {
    EXPECT_EQ(completed[i].id, static_cast<std::int64_t>(i));  // in order
    served[i].completion = completed[i];
  }
  return served;
}

DramConfig latency_bandwidth() { return shipped_machine("midap").dram; }

TEST(LatencyBandwidthControllerTest, ReadsBeginAfterTheirLatencyAndWritesAtOnceOneAfterAnother) {
  const auto config = std::get<LatencyBandwidthDramConfig>(latency_bandwidth());
  const auto memory = make_memory_controller(config);
  std::int64_t end = 0;
  for (const SimplyServed& s : serve_simply(*memory, 1, 3000)) {
    const std::int64_t bytes = s.request.bytes;
    const std::int64_t latency = s.request.write ? 0 : config.latency_cycles(bytes);
    ASSERT_EQ(s.completion.begin, std::max(s.submitted + latency, end));
    ASSERT_EQ(s.completion.end, s.completion.begin + config.transfer_cycles(bytes));
    end = s.completion.end;
  }
}

TEST(LatencyBandwidthControllerTest, TakesAnotherRequestInTheCycleInWhichTheFirstEnds) {
  const auto memory = make_memory_controller(latency_bandwidth());
  std::vector<MemoryCompletion> completed;
  for (std::size_t i = 0; i < LatencyBandwidthController::kMaxOutstanding; ++i) {
    ASSERT_TRUE(memory->can_accept(0));
    memory->submit({static_cast<std::int64_t>(i), true, 0, 250}, 0);
  }
  EXPECT_EQ(memory->advance(0, completed), 10);
  EXPECT_FALSE(memory->can_accept(9));
  EXPECT_TRUE(memory->can_accept(10));
  EXPECT_EQ(memory->advance(10, completed), 20);
  EXPECT_EQ(completed.size(), 1U);
}

TEST(IdealControllerTest, ServesEveryRequestInItsCycle) {
  const auto memory = make_memory_controller(IdealDramConfig{});
  for (const SimplyServed& s : serve_simply(*memory, 2, 1000)) {
    ASSERT_EQ(s.completion.begin, s.submitted);
    ASSERT_EQ(s.completion.end, s.submitted);
  }
}

TEST(SimpleControllersTest, RunsAfterResetAreEqual) {
  for (const DramConfig& config : {latency_bandwidth(), DramConfig(IdealDramConfig{})}) {
    const auto memory = make_memory_controller(config);
    const auto first = serve_simply(*memory, 3, 500);
    memory->submit({0, false, 0, 1 << 20}, 1 << 20);
    memory->reset();
    const auto second = serve_simply(*memory, 3, 500);
    for (std::size_t i = 0; i < first.size(); ++i) {
      ASSERT_EQ(first[i].completion.begin, second[i].completion.begin);
      ASSERT_EQ(first[i].completion.end, second[i].completion.end);
    }
  }
}

}  // namespace
}  // namespace tilewake
