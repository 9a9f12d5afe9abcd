// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/dma.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "simulator/engine/clock.hpp"
#include "tests/engine/sim_test.hpp"
#include "tests/support/random.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kLatency = 7;

/// Ten bytes a cycle, seven cycles to the first one.
LatencyBandwidthDramConfig simple_dram() {
  LatencyBandwidthDramConfig dram;
  dram.num_channels = dram.beats_per_clock = 1;
  dram.bus_bytes = 10;
  dram.clock_mhz = dram.npu_clock_mhz = 1000.0;
  dram.first_access_cycles = kLatency;
  dram.row_bytes = dram.refresh_bytes = 1;  // no further rows, no refresh
  return dram;
}

class DmaTest : public SimTest {
 protected:
  enum Buffer { kFeatures, kWeights, kBiases };

  void SetUp() override {
    for (OnChipBuffer* buffer : {&features_, &weights_, &biases_}) dma_.buffers(*buffer);
    dma_.reset(sink_);
  }

  void queue(Buffer buffer, int slot, std::int64_t bytes) {
    dma_.read({buffer, slot, bytes, DmaRequest::Priority::kQueued, 0, Cause::kFeatures});
  }
  void preempt(int slot, std::int64_t bytes) {
    dma_.read({kWeights, slot, bytes, DmaRequest::Priority::kPreempting, 0, Cause::kWeights});
  }

  /// Weights preempt, all else queues, with pauses of up to `longest_pause` cycles.
  void request_at_random(std::uint64_t seed, int count, std::int64_t longest_pause) {
    run_script([=, this] {
      Random random(seed);
      for (int i = 0; i < count; ++i) {
        sc_core::wait(cycles(random.between(0, longest_pause)));
        const std::int64_t bytes = random.between(1, 400);
        if (random.one_in(3)) {
          preempt(static_cast<int>(random.below(2)), bytes);
        } else if (random.one_in(3)) {
          queue(kBiases, static_cast<int>(random.below(2)), bytes);
        } else {
          queue(kFeatures, static_cast<int>(random.below(4)), bytes);
        }
      }
    });
    dma_.finish();
  }

  Dma dma_{"dma", simple_dram()};
  OnChipBuffer features_{"features", Unit::kFmem, 4};
  OnChipBuffer weights_{"weights", Unit::kWmem, 2};
  OnChipBuffer biases_{"biases", Unit::kBmmem, 2};
  RecordingSink sink_;
};

TEST_F(DmaTest, AloneARequestTakesLatencyAndTransfer) {
  run_script([this] {
    sc_core::wait(cycles(100));
    queue(kFeatures, 2, 95);
  });
  EXPECT_EQ(features_.valid_at(2), 100 + kLatency + 10);
}

TEST_F(DmaTest, QueuedRequestsWaitForEachOther) {
  run_script([this] {
    queue(kFeatures, 0, 1000);
    queue(kBiases, 0, 50);
    queue(kFeatures, 1, 200);
    sc_core::wait(cycles(500));  // the queue has run dry
    queue(kFeatures, 2, 10);
  });
  EXPECT_EQ(features_.valid_at(0), 7 + 100);
  EXPECT_EQ(biases_.valid_at(0), 7 + 100 + 5);
  EXPECT_EQ(features_.valid_at(1), 7 + 100 + 5 + 20);
  EXPECT_EQ(features_.valid_at(2), 500 + 7 + 1);
}

TEST_F(DmaTest, QueuedRequestsWaitForPreemptingOnes) {
  run_script([this] {
    preempt(0, 300);
    queue(kFeatures, 0, 10);
  });
  EXPECT_EQ(features_.valid_at(0), 7 + 30 + 1);
}

TEST_F(DmaTest, PreemptingDelaysLaterFillsOfOtherBuffersByItsTransfer) {
  run_script([this] {
    queue(kFeatures, 0, 50);    // ends before the weights begin
    queue(kFeatures, 1, 1000);  // is cut in two by them
    queue(kBiases, 1, 10);      // has not begun
    sc_core::wait(cycles(20));
    preempt(0, 330);
  });
  EXPECT_EQ(features_.valid_at(0), 7 + 5);
  EXPECT_EQ(weights_.valid_at(0), 20 + 7 + 33);
  EXPECT_EQ(features_.valid_at(1), 7 + 5 + 100 + 33);
  EXPECT_EQ(biases_.valid_at(1), 7 + 5 + 100 + 1 + 33);
}

TEST_F(DmaTest, FillThatEndsAsPreemptionBeginsIsNotDelayed) {
  run_script([this] {
    queue(kFeatures, 0, 200);
    queue(kFeatures, 1, 10);
    sc_core::wait(cycles(20));
    preempt(0, 100);  // begins at 27, as the first fill ends
  });
  EXPECT_EQ(features_.valid_at(0), 27);
  EXPECT_EQ(features_.valid_at(1), 28 + 10);
}

TEST_F(DmaTest, PreemptingRequestsWaitForEachOtherAndAreNeverDelayed) {
  run_script([this] {
    preempt(0, 500);
    sc_core::wait(cycles(5));
    preempt(1, 200);
  });
  EXPECT_EQ(weights_.valid_at(0), 7 + 50);
  EXPECT_EQ(weights_.valid_at(1), 7 + 50 + 20);
}

TEST_F(DmaTest, AFillWithAWaiterNoLongerHoldsPreemptingRequests) {
  run_script([this] {
    preempt(0, 500);
    EXPECT_EQ(weights_.wait_until_filled(0), 57);
    EXPECT_EQ(weights_.latest_fill(), 0);
    preempt(1, 10);
  });
  EXPECT_EQ(weights_.valid_at(1), 57 + 7 + 1);
}

TEST_F(DmaTest, UncountedRequestTakesItsTimeButAddsNoBytes) {
  run_script([this] {
    dma_.read({kBiases, 0, 40, DmaRequest::Priority::kQueued, 0, Cause::kBias, false});
  });
  dma_.finish();
  EXPECT_EQ(biases_.valid_at(0), 7 + 4);
  EXPECT_EQ(sink_.of(Unit::kDma, EventKind::kRequest).at(0).amount, 0);
  EXPECT_EQ(sink_.of(Unit::kDram, EventKind::kTransfer).at(0).amount, 40);
}

TEST_F(DmaTest, EveryRequestBecomesOneTransferAndOneFillOfItsBytes) {
  request_at_random(1, 500, 40);
  const auto bytes_of = [this](Unit unit, EventKind kind) {
    const std::vector<Event> events = sink_.of(unit, kind);
    return std::accumulate(events.begin(), events.end(), std::int64_t{0},
                           [](std::int64_t sum, const Event& e) { return sum + e.amount; });
  };
  EXPECT_EQ(sink_.of(Unit::kDram, EventKind::kTransfer).size(), 500u);
  const std::int64_t requested = bytes_of(Unit::kDma, EventKind::kRequest);
  EXPECT_EQ(bytes_of(Unit::kDram, EventKind::kTransfer), requested);
  EXPECT_EQ(bytes_of(Unit::kFmem, EventKind::kTransfer) +
                bytes_of(Unit::kWmem, EventKind::kTransfer) +
                bytes_of(Unit::kBmmem, EventKind::kTransfer),
            requested);
}

TEST_F(DmaTest, NothingIsInFlightAfterAReset) {
  run_script([this] {
    queue(kFeatures, 0, 5000);
    dma_.reset(sink_);
    queue(kFeatures, 1, 10);
  });
  EXPECT_EQ(features_.valid_at(1), 8);
}

class BusTest : public DmaTest, public ::testing::WithParamInterface<int> {};

/// Two transfers are apart, or a preempting one is inside the other, which is longer by it.
TEST_P(BusTest, MovesOneOperandAtATime) {
  request_at_random(static_cast<std::uint64_t>(GetParam()), 300, GetParam());
  const std::vector<Event> transfers = sink_.of(Unit::kDram, EventKind::kTransfer);
  for (const Event& outer : transfers) {
    std::int64_t inside = 0;
    for (const Event& other : transfers) {
      if (&other == &outer || other.end_cycle <= outer.begin_cycle ||
          outer.end_cycle <= other.begin_cycle)
        continue;
      const bool encloses =
          outer.begin_cycle < other.begin_cycle && other.end_cycle < outer.end_cycle;
      const Event& inner = encloses ? other : outer;
      const Event& whole = encloses ? outer : other;
      ASSERT_EQ(inner.cause, Cause::kWeights);
      ASSERT_NE(whole.cause, Cause::kWeights);
      ASSERT_LT(whole.begin_cycle, inner.begin_cycle);
      ASSERT_LT(inner.end_cycle, whole.end_cycle);
      if (encloses) inside += other.end_cycle - other.begin_cycle;
    }
    ASSERT_EQ(outer.end_cycle - outer.begin_cycle, (outer.amount + 9) / 10 + inside);
  }
}

INSTANTIATE_TEST_SUITE_P(LongestPause, BusTest, ::testing::Values(0, 1, 5, 20, 60));

}  // namespace
}  // namespace tilewake
