// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/memory/channel_timing.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "simulator/engine/memory/stream_channel.hpp"
#include "simulator/hardware/banked_dram_config.hpp"

namespace tilewake {
namespace {

/// DDR4-3200 with two ranks, row | rank | bank | bank group | column: rows of 128 bursts.
BankedDramConfig channel() {
  BankedDramConfig c;
  for (const auto& [name, device] : dram_presets())
    if (name == "DDR4-3200") c.device = device;
  c.device.mapping = {DramField::kRow, DramField::kRank, DramField::kBank, DramField::kBankGroup,
                      DramField::kColumn};
  c.device.refresh = DramRefresh::kNone;
  c.num_channels = 1;
  c.num_ranks = 2;
  c.interleave_bytes = c.burst_bytes();
  c.npu_clock_mhz = c.device.clock_mhz;
  return c;
}

/// The number of a burst.
std::int64_t at(int rank, int bank, int group, std::int64_t row, std::int64_t column = 0) {
  return (((row * 2 + rank) * 4 + bank) * 4 + group) * 128 + column;
}

/// Cycle of the last burst's column, all bursts arriving in cycle 0.
struct Access {
  std::int64_t burst;
  bool write;
};
std::int64_t last_column(const BankedDramConfig& config, const std::vector<Access>& accesses) {
  StreamChannel stream(config);
  for (const Access& a : accesses) stream.run(a.burst, 1, a.write, 0);
  return stream.timing().last_column();
}

struct Constraint {
  std::string name;
  std::int64_t DramTimings::*timing;
  std::vector<Access> accesses;
  std::int64_t column;  // of the last one
  int times;            // that the timing is in it
};

TEST(ChannelTimingTest, NoCommandGoesACycleEarlierOrLaterThanItsTimings) {
  using T = DramTimings;
  const bool read = false;
  const bool write = true;
  const T t = channel().device.timings;
  const std::int64_t burst = 4;
  const std::int64_t first = 1 + t.t_rcd;  // column of a first access
  const std::vector<Access> two_rows = {{at(0, 0, 0, 0), read}, {at(0, 0, 0, 1), read}};
  const std::vector<Access> written_row = {{at(0, 0, 0, 0), write}, {at(0, 0, 0, 1), read}};
  const std::vector<Access> turn = {{at(0, 0, 0, 0), write}, {at(0, 0, 1, 0), read}};
  const std::vector<Access> turn_in_group = {{at(0, 0, 0, 0), write}, {at(0, 0, 0, 0, 1), read}};
  const std::int64_t written = first + t.t_cwl + burst;  // end of the first data
  const std::vector<Constraint> constraints = {
      {"tRCD", &T::t_rcd, {{at(0, 0, 0, 0), read}}, first, 1},
      {"tRAS, tRP, tRCD", &T::t_rp, two_rows, 1 + t.t_ras + t.t_rp + t.t_rcd, 1},
      {"tWR", &T::t_wr, written_row, written + t.t_wr + t.t_rp + t.t_rcd, 1},
      {"tWR, twice tRCD", &T::t_rcd, written_row, written + t.t_wr + t.t_rp + t.t_rcd, 2},
      {"tCCD_S", &T::t_ccd_s, {{at(0, 0, 0, 0), read}, {at(0, 0, 1, 0), read}}, first + 4, 1},
      {"tCCD_L", &T::t_ccd_l, {{at(0, 0, 0, 0), read}, {at(0, 0, 0, 0, 1), read}}, first + 8, 1},
      {"tWTR_S", &T::t_wtr_s, turn, written + t.t_wtr_s, 1},
      {"tWTR_L", &T::t_wtr_l, turn_in_group, written + t.t_wtr_l, 1},
      {"tRTRS, read to write",
       &T::t_rtrs,
       {{at(0, 0, 0, 0), read}, {at(0, 0, 0, 0, 1), write}},
       first + t.t_cl + burst - t.t_cwl + t.t_rtrs,
       1},
      {"tRTRS, other rank",
       &T::t_rtrs,
       {{at(0, 0, 0, 0), read}, {at(1, 0, 0, 0), read}},
       first + burst + t.t_rtrs,
       1},
  };
  for (const Constraint& c : constraints) {
    SCOPED_TRACE(c.name);
    BankedDramConfig config = channel();
    EXPECT_EQ(last_column(config, c.accesses), c.column);
    // Tight: a cycle more of the timing is as much later.
    config.device.timings.*c.timing += 1;
    EXPECT_EQ(last_column(config, c.accesses), c.column + c.times);
  }
}

TEST(ChannelTimingTest, ActivatesKeepTheirDistances) {
  const DramTimings t = channel().device.timings;
  ChannelTiming timing(channel());
  const int groups[] = {timing.bank_index(0, 0, 0), timing.bank_index(0, 1, 0),
                        timing.bank_index(0, 2, 0), timing.bank_index(0, 3, 0)};
  timing.activate(groups[0], 5, 1);
  EXPECT_EQ(timing.act_time(groups[1]), 1 + t.t_rrd_s);
  EXPECT_EQ(timing.act_time(timing.bank_index(0, 0, 1)), 1 + t.t_rrd_l);
  EXPECT_EQ(timing.act_time(timing.bank_index(1, 0, 0)), 0);  // another rank
  for (int i = 1; i < 4; ++i) timing.activate(groups[i], 5, 1 + i * t.t_rrd_s);
  EXPECT_EQ(timing.act_time(timing.bank_index(0, 0, 1)), 1 + t.t_faw);
  timing.precharge(groups[0], 1 + t.t_ras);
  EXPECT_EQ(timing.act_time(groups[0]), 1 + t.t_rc);
}

TEST(ChannelTimingTest, RefreshWaitsForTheBanksAndHoldsTheRank) {
  BankedDramConfig config = channel();
  config.num_ranks = 1;
  config.device.refresh = DramRefresh::kAllBank;
  config.device.timings.t_ppd = 3;
  const DramTimings t = config.device.timings;
  ChannelTiming timing(config);
  EXPECT_EQ(timing.refresh_due(0), t.t_refi);
  timing.activate(0, 5, t.t_refi - 20);  // may be closed at - 20 + tRAS only
  timing.activate(4, 5, t.t_refi - 10);
  timing.refresh(0, t.t_refi);
  const std::int64_t refresh = t.t_refi - 10 + t.t_ras + t.t_rp;
  EXPECT_EQ(timing.bank(0).row, ChannelTiming::kNoRow);
  EXPECT_EQ(timing.act_time(9), refresh + t.t_rfc);
  EXPECT_EQ(timing.refresh_due(0), 2 * t.t_refi);
}

TEST(ChannelTimingTest, RefreshOfOneBankTakesTheLastUsedIdleOneAndLeavesTheRest) {
  BankedDramConfig config = channel();
  config.num_ranks = 1;
  config.device.refresh = DramRefresh::kPerBank;
  config.device.timings.t_rfc_pb = 200;
  const DramTimings t = config.device.timings;
  ChannelTiming timing(config);
  const std::int64_t due = t.t_refi / 16;
  EXPECT_EQ(timing.refresh_due(0), due);
  timing.activate(4, 7, 1);
  timing.column(4, false, 100);
  timing.activate(8, 7, 101);
  timing.column(8, false, 200);
  timing.activate(12, 7, 201);
  timing.column(12, false, due - 5);  // in use
  timing.refresh(12, due);
  EXPECT_EQ(timing.bank(8).row, ChannelTiming::kNoRow);
  EXPECT_EQ(timing.bank(8).act_ok, due + t.t_rp + t.t_rfc_pb);
  EXPECT_EQ(timing.bank(4).row, 7);
  EXPECT_EQ(timing.bank(12).row, 7);
  // In one interval every bank has its turn.
  for (int i = 1; i < 16; ++i) timing.refresh(12, timing.refresh_due(12));
  EXPECT_EQ(timing.refresh_due(0), t.t_refi + due);
  for (int bank = 0; bank < 16; ++bank) EXPECT_EQ(timing.bank(bank).row, ChannelTiming::kNoRow);
}

TEST(ChannelTimingTest, RefreshesAreCountedWhetherTheMemoryIsUsedOrNot) {
  for (const DramRefresh refresh : {DramRefresh::kAllBank, DramRefresh::kPerBank}) {
    BankedDramConfig config = channel();
    config.device.refresh = refresh;
    config.device.timings.t_rfc_pb = 200;
    const std::int64_t interval = config.device.timings.t_refi;
    const std::int64_t each = refresh == DramRefresh::kPerBank ? 2 * 16 : 2;  // ranks, banks
    const ChannelTiming timing(config);
    EXPECT_EQ(timing.num_refreshes(0), 0);
    EXPECT_EQ(timing.num_refreshes(interval), each - 1);
    EXPECT_EQ(timing.num_refreshes(interval + 1), each);
    EXPECT_EQ(timing.num_refreshes(1'000'000 * interval + 1), 1'000'000 * each);
  }
}

}  // namespace
}  // namespace tilewake
