// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "simulator/engine/memory/stream_channel.hpp"
#include "simulator/hardware/banked_dram_config.hpp"

namespace tilewake {
namespace {

/// Bytes per DRAM cycle of one channel that reads 64 MiB in order.
double measured(const BankedDramConfig& config, bool write) {
  StreamChannel channel(config);
  const std::int64_t bursts = (64 << 20) / config.burst_bytes();
  const ChannelRun run = channel.run(0, bursts, write, 0);
  return static_cast<double>(64 << 20) / static_cast<double>(run.data_end);
}

using F = DramField;

/// The row is the last field that a stream changes, or the first.
const std::vector<DramMapping> kRoundTheBanks = {
    {F::kRow, F::kRank, F::kBankGroup, F::kBank, F::kColumn},
    {F::kRow, F::kRank, F::kBank, F::kColumn, F::kBankGroup},
    {F::kRow, F::kBankGroup, F::kBank, F::kRank, F::kColumn}};
const std::vector<DramMapping> kInOneBank = {
    {F::kRank, F::kBank, F::kRow, F::kColumn, F::kBankGroup},
    {F::kRank, F::kBank, F::kBankGroup, F::kRow, F::kColumn}};

std::vector<BankedDramConfig> channels_with(const std::vector<DramMapping>& mappings,
                                            std::int64_t num_ranks) {
  std::vector<BankedDramConfig> configs;
  for (const auto& [name, device] : dram_presets()) {
    for (const DramRefresh refresh :
         {DramRefresh::kNone, DramRefresh::kAllBank, DramRefresh::kPerBank}) {
      if (refresh == DramRefresh::kPerBank && device.timings.t_rfc_pb == 0) continue;
      for (const DramMapping& mapping : mappings) {
        BankedDramConfig config;
        config.device = device;
        config.device.refresh = refresh;
        config.device.mapping = mapping;
        config.num_channels = 1;
        config.num_ranks = num_ranks;
        config.npu_clock_mhz = device.clock_mhz;
        config.interleave_bytes = config.burst_bytes();
        configs.push_back(config);
      }
    }
  }
  return configs;
}

void expect_within(double tolerance, const BankedDramConfig& config, bool write) {
  const double form = config.sustained_bytes_per_cycle();
  EXPECT_NEAR(measured(config, write) / form, 1.0, tolerance)
      << config.device.clock_mhz << " MHz, refresh " << to_string(config.device.refresh) << ", "
      << to_string(config.device.mapping[3]) << " " << to_string(config.device.mapping[4])
      << (write ? ", writes" : ", reads");
}

TEST(SustainedBandwidthTest, ClosedFormIsWhatStreamsGet) {
  for (const BankedDramConfig& config : channels_with(kRoundTheBanks, 1)) {
    expect_within(0.01, config, false);
    expect_within(0.01, config, true);
  }
  for (const BankedDramConfig& config : channels_with(kInOneBank, 1))
    expect_within(0.02, config, false);
}

TEST(SustainedBandwidthTest, ClosedFormIsNearWithSeveralRanks) {
  for (const BankedDramConfig& config : channels_with(kRoundTheBanks, 2)) {
    const bool is_rough =
        config.device.refresh == DramRefresh::kPerBank && config.interleaved_groups() > 1;
    expect_within(is_rough ? 0.08 : 0.04, config, false);
  }
}

TEST(SustainedBandwidthTest, RefreshOfOneBankAtATimeCostsLessThanOfAll) {
  for (const BankedDramConfig& all : channels_with(kRoundTheBanks, 1)) {
    if (all.device.refresh != DramRefresh::kAllBank || all.device.timings.t_rfc_pb == 0) continue;
    BankedDramConfig one = all;
    one.device.refresh = DramRefresh::kPerBank;
    BankedDramConfig none = all;
    none.device.refresh = DramRefresh::kNone;
    EXPECT_GT(measured(one, false), 1.04 * measured(all, false));
    EXPECT_LT(measured(one, false), measured(none, false));
  }
}

}  // namespace
}  // namespace tilewake
