// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/transfer_dma.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "simulator/engine/clock.hpp"
#include "simulator/engine/memory/memory_controller.hpp"
#include "simulator/engine/stream_dma.hpp"
#include "tests/engine/sim_test.hpp"
#include "tests/support/random.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

/// Ten bytes a cycle, pieces of 100 bytes, two at a time: simple enough to count by hand.
class HandMemory final : public MemoryController {
 public:
  void reset() override {
    bus_end_ = 0;
    outstanding_.clear();
  }
  std::int64_t max_request_bytes() const override { return 100; }
  bool can_accept(std::int64_t /*now*/) const override { return outstanding_.size() < 2; }
  void submit(const MemoryRequest& request, std::int64_t now) override {
    EXPECT_LE(request.bytes, max_request_bytes());
    const std::int64_t begin = std::max(now, bus_end_);
    bus_end_ = begin + (request.bytes + 9) / 10;
    outstanding_.push_back({request.id, begin, bus_end_, 1, 2});
  }
  std::int64_t advance(std::int64_t now, std::vector<MemoryCompletion>& completed) override {
    while (!outstanding_.empty() && outstanding_.front().end <= now) {
      completed.push_back(outstanding_.front());
      outstanding_.pop_front();
    }
    return outstanding_.empty() ? kNever : outstanding_.front().end;
  }

 private:
  std::int64_t bus_end_ = 0;
  std::deque<MemoryCompletion> outstanding_;
};

class TransferDmaTest : public SimTest, public TransferListener {
 protected:
  void SetUp() override { dma_.reset(sink_, *this); }

  std::int64_t read(std::int64_t bytes, bool urgent = false) {
    return dma_.submit({false, 0, bytes, 0, Cause::kFeatures, urgent});
  }

  RecordingSink sink_;
  TransferDma dma_{"dma", std::make_unique<HandMemory>(), Unit::kDram, TransferDma::Urgency::kSome};
  std::map<std::int64_t, std::int64_t> done_at_;

 private:
  void on_transfer_done(std::int64_t id) override {
    EXPECT_FALSE(done_at_.contains(id));
    done_at_[id] = now_cycles();
  }
};

TEST_F(TransferDmaTest, TransfersEndInTheOrderOfRequestWithTheirLastPiece) {
  run_script([this] {
    EXPECT_EQ(read(250), 0);
    EXPECT_EQ(read(40), 1);
    EXPECT_TRUE(done_at_.empty());  // never during the call
  });
  EXPECT_EQ(done_at_.at(0), 25);
  EXPECT_EQ(done_at_.at(1), 29);
}

TEST_F(TransferDmaTest, UrgentTransfersPassWhatTheMemoryHasNotTaken) {
  run_script([this] {
    read(1000);
    sc_core::wait(cycles(5));
    read(30, true);
  });
  EXPECT_EQ(done_at_.at(1), 23);   // two pieces were with the memory
  EXPECT_EQ(done_at_.at(0), 103);  // and the rest waits for it
}

TEST_F(TransferDmaTest, NoBytesEndAtOnce) {
  run_script([this] {
    sc_core::wait(cycles(7));
    read(0);
  });
  EXPECT_EQ(done_at_.at(0), 7);
}

TEST_F(TransferDmaTest, ReportsBytesAndRowsOfATransferOnce) {
  run_script([this] { read(250); });
  const std::vector<Event> requests = sink_.of(Unit::kDma, EventKind::kRequest);
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].amount, 250);
  EXPECT_EQ(requests[0].row_hits, 3);  // of three pieces
  EXPECT_EQ(requests[0].row_misses, 6);
  EXPECT_EQ(sink_.of(Unit::kDram, EventKind::kTransfer).size(), 1u);
}

TEST_F(TransferDmaTest, EveryTransferEndsOnceWhateverTheMemory) {
  for (const char* machine : {"midap", "edge_systolic_32", "tpu_like_128"}) {
    SCOPED_TRACE(machine);
    start_fresh_kernel();
    TransferDma dma("dma", make_memory_controller(shipped_machine(machine).dram), Unit::kDram,
                    TransferDma::Urgency::kSome);
    class Counter : public tilewake::TransferListener {
     public:
      void on_transfer_done(std::int64_t id) override { ++times[id]; }
      std::map<std::int64_t, int> times;
    } counter;
    RecordingSink sink;
    dma.reset(sink, counter);
    std::int64_t bytes = 0;
    run_script([&] {
      Random random(3);
      for (int i = 0; i < 300; ++i) {
        const std::int64_t size = random.between(0, 100'000);
        bytes += size;
        dma.submit({random.one_in(3), random.between(0, 1 << 28), size, 0, Cause::kFeatures,
                    random.one_in(4)});
        sc_core::wait(cycles(random.one_in(2) ? 0 : random.between(0, 4000)));
      }
    });
    EXPECT_EQ(counter.times.size(), 300u);
    for (const auto& [id, times] : counter.times) EXPECT_EQ(times, 1) << id;
    std::int64_t told = 0;
    for (const Event& event : sink.of(Unit::kDram, EventKind::kTransfer)) told += event.amount;
    EXPECT_EQ(told, bytes);
  }
}

class StreamDmaTest : public SimTest {
 protected:
  enum Buffer { kFeatures, kWeights };

  void SetUp() override {
    dma_.buffers(features_);
    dma_.buffers(weights_);
    dma_.reset(sink_);
  }

  void read(Buffer buffer, int slot, std::int64_t bytes) {
    const bool weights = buffer == kWeights;
    dma_.read({buffer, slot, bytes,
               weights ? DmaRequest::Priority::kPreempting : DmaRequest::Priority::kQueued, 0,
               weights ? Cause::kWeights : Cause::kFeatures});
  }

  RecordingSink sink_;
  StreamDma dma_{"dma", std::make_unique<HandMemory>()};
  OnChipBuffer features_{"features", Unit::kFmem, 4};
  OnChipBuffer weights_{"weights", Unit::kWmem, 2};
};

TEST_F(StreamDmaTest, SlotIsInvalidUntilItsLastRequestHasArrived) {
  std::int64_t waited = 0;
  run_script([&, this] {
    read(kFeatures, 1, 300);
    EXPECT_GT(features_.valid_at(1), std::int64_t{1} << 40);
    read(kFeatures, 1, 200);
    waited = features_.wait_until_filled(1);
  });
  EXPECT_EQ(waited, 50);
}

TEST_F(StreamDmaTest, WeightsPassFeaturesAndStoresTakeTheBus) {
  run_script([this] {
    dma_.store(0, 400);
    read(kFeatures, 0, 100);
    read(kWeights, 0, 100);
  });
  EXPECT_EQ(weights_.valid_at(0), 10);  // before both, which were not handed over yet
  EXPECT_EQ(features_.valid_at(0), 60);
  EXPECT_EQ(sink_.of(Unit::kDma, EventKind::kStore).at(0).end_cycle, 50);
}

}  // namespace
}  // namespace tilewake
