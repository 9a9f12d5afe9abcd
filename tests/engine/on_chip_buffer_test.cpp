// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/on_chip_buffer.hpp"

#include "simulator/engine/clock.hpp"
#include "tests/engine/sim_test.hpp"

namespace tilewake {
namespace {

class OnChipBufferTest : public SimTest {
 protected:
  OnChipBuffer buffer_{"buffer", Unit::kFmem, 3};
};

TEST_F(OnChipBufferTest, ReadingAFilledSlotIsFree) {
  run_script([this] {
    EXPECT_EQ(buffer_.wait_until_filled(0), 0);  // never filled: there from the start
    buffer_.schedule_fill(1, 20);
    sc_core::wait(cycles(20));
    EXPECT_EQ(buffer_.wait_until_filled(1), 0);
    EXPECT_EQ(now_cycles(), 20);
  });
}

TEST_F(OnChipBufferTest, WaitingEndsExactlyWithTheFill) {
  run_script([this] {
    buffer_.schedule_fill(1, 20);
    buffer_.schedule_fill(2, 15);
    sc_core::wait(cycles(4));
    EXPECT_EQ(buffer_.wait_until_filled(1), 16);
    EXPECT_EQ(now_cycles(), 20);
  });
}

TEST_F(OnChipBufferTest, AFillWithAWaiterIsForgotten) {
  run_script([this] {
    buffer_.schedule_fill(0, 12);
    buffer_.schedule_fill(1, 20);
    EXPECT_EQ(buffer_.latest_fill(), 20);
    buffer_.wait_until_filled(1);
    EXPECT_EQ(buffer_.valid_at(1), 0);
    EXPECT_EQ(buffer_.latest_fill(), 12);
  });
}

TEST_F(OnChipBufferTest, AFillWithoutAWaiterIsRemembered) {
  run_script([this] {
    buffer_.schedule_fill(0, 12);
    sc_core::wait(cycles(50));
    EXPECT_EQ(buffer_.wait_until_filled(0), 0);
    EXPECT_EQ(buffer_.latest_fill(), 12);
  });
}

TEST_F(OnChipBufferTest, DelayMovesOnlyFillsThatEndLater) {
  run_script([this] {
    buffer_.schedule_fill(0, 10);
    buffer_.schedule_fill(1, 11);
    buffer_.schedule_fill(2, 30);
    buffer_.delay_fills(10, 5);
    EXPECT_EQ(buffer_.valid_at(0), 10);
    EXPECT_EQ(buffer_.valid_at(1), 16);
    EXPECT_EQ(buffer_.valid_at(2), 35);
  });
}

TEST_F(OnChipBufferTest, WaitingEndsWithTheDelayedFill) {
  Script delayer("delayer", [this] {
    sc_core::wait(cycles(8));
    buffer_.delay_fills(9, 30);
  });
  run_script([this] {
    buffer_.schedule_fill(0, 10);
    EXPECT_EQ(buffer_.wait_until_filled(0), 40);
  });
}

TEST_F(OnChipBufferTest, ResetBufferHasNothingToWaitFor) {
  run_script([this] {
    for (int slot = 0; slot < 3; ++slot) buffer_.schedule_fill(slot, 10 + slot);
    buffer_.reset();
    for (int slot = 0; slot < 3; ++slot) EXPECT_EQ(buffer_.wait_until_filled(slot), 0);
    EXPECT_EQ(now_cycles(), 0);
  });
}

}  // namespace
}  // namespace tilewake
