// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/dram_config.hpp"

#include <limits>
#include <random>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/hardware/hardware_yaml.hpp"
#include "tests/hardware/midap_yaml.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();

LatencyBandwidthDramConfig dram_of(const MidapYaml& yaml) {
  return std::get<LatencyBandwidthDramConfig>(yaml.read().dram);
}

TEST(DramConfigTest, LatencyEqualsTheReferenceExamples) {
  const auto dram = dram_of(MidapYaml());
  const std::pair<std::int64_t, std::int64_t> examples[] = {{1024, 42},  {4096, 56},   {10240, 56},
                                                            {16000, 71}, {18432, 71},  {20480, 86},
                                                            {25600, 86}, {262080, 980}};
  for (const auto& [bytes, cycles] : examples) {
    EXPECT_EQ(dram.latency_cycles(bytes), cycles) << bytes;
  }
}

TEST(DramConfigTest, RowAndRefreshBeginWithTheFirstByteBeyond) {
  const auto dram = dram_of(MidapYaml());
  EXPECT_EQ(dram.latency_cycles(3584), 42);         // ceil(41.25)
  EXPECT_EQ(dram.latency_cycles(3585), 56);         // ceil(41.25 + 14.625)
  EXPECT_EQ(dram.latency_cycles(3584 + 8192), 56);  // the row's last byte
  EXPECT_EQ(dram.latency_cycles(3584 + 8192 + 1), 71);
  EXPECT_EQ(dram.latency_cycles(94976), 217);  // ceil(41.25 + 12 * 14.625)
  EXPECT_EQ(dram.latency_cycles(94977), 452);  // + 235
}

TEST(DramConfigTest, LatencyIsNeverBelowThatOfAnEmptyRequest) {
  const auto dram = dram_of(MidapYaml().with("dram.first_row_bytes", "1000000"));
  for (const std::int64_t bytes : {0, 1, 3584, 8192, 90000}) {
    EXPECT_EQ(dram.latency_cycles(bytes), 42) << bytes;
  }
}

TEST(DramConfigTest, BandwidthIsThePeakRoundedDown) {
  EXPECT_EQ(dram_of(MidapYaml()).bytes_per_cycle(), 25);  // of 25.6
  EXPECT_EQ(peak_bytes_per_cycle(MidapYaml().read().dram), 25.0);
}

TEST(DramConfigTest, ExactBandwidthIsNotLostToRounding) {
  auto dram = dram_of(MidapYaml());
  dram.num_channels = 3;
  dram.bus_bytes = dram.beats_per_clock = 1;
  for (int tenths = 10; tenths < 20000; ++tenths) {
    dram.clock_mhz = dram.npu_clock_mhz = tenths / 10.0;
    ASSERT_EQ(dram.bytes_per_cycle(), 3) << dram.clock_mhz;
    dram.clock_mhz = tenths / 30.0;
    ASSERT_EQ(dram.bytes_per_cycle(), 1) << dram.clock_mhz;
  }
}

TEST(DramConfigTest, PartialCycleOfTransferCostsAFullOne) {
  const auto dram = dram_of(MidapYaml());
  EXPECT_EQ(dram.transfer_cycles(0), 0);
  EXPECT_EQ(dram.transfer_cycles(25), 1);
  EXPECT_EQ(dram.transfer_cycles(26), 2);
}

TEST(DramConfigTest, ALinkThatReachesAShareOfItsBandwidthTakesAsMuchLonger) {
  const auto whole = dram_of(MidapYaml());
  const MidapYaml all_keys(hardware_yaml(MidapYaml().read()));
  const HardwareConfig machine = all_keys.with("dram.efficiency", "0.32").read();
  const auto& share = std::get<LatencyBandwidthDramConfig>(machine.dram);
  EXPECT_EQ(share.transfer_cycles(8000), 1000);  // of 8 bytes instead of 25
  EXPECT_EQ(share.transfer_cycles(8001), 1001);
  EXPECT_EQ(share.latency_cycles(8000), whole.latency_cycles(8000));
  EXPECT_EQ(sustained_bytes_per_cycle(machine.dram), 8.0);
  EXPECT_EQ(peak_bytes_per_cycle(machine.dram), 25.0);
  EXPECT_EQ(planning_dram(machine.dram).bytes_per_cycle, 8);
}

TEST(DramConfigTest, MoreBytesNeverArriveEarlier) {
  const auto dram = dram_of(MidapYaml());
  std::int64_t previous = 0;
  for (std::int64_t bytes = 0; bytes < 400000; ++bytes) {
    const std::int64_t total = dram.latency_cycles(bytes) + dram.transfer_cycles(bytes);
    ASSERT_GE(total, previous) << bytes;
    previous = total;
  }
}

TEST(DramConfigTest, HugeRequestsSaturateInsteadOfOverflowing) {
  const auto slowest = dram_of(MidapYaml()
                                   .with("dram.row_bytes", "1")
                                   .with("dram.row_cycles", "1000000")
                                   .with("dram.refresh_bytes", "1")
                                   .with("dram.refresh_cycles", "1000000"));
  EXPECT_EQ(slowest.latency_cycles(kHuge), std::int64_t{1} << 60);
  EXPECT_EQ(slowest.transfer_cycles(kHuge), kHuge / 25 + 1);

  const auto midap = dram_of(MidapYaml());
  std::mt19937_64 random(1);
  for (int i = 0; i < 10000; ++i) {
    const auto bytes = static_cast<std::int64_t>(random() >> (1 + random() % 62));
    for (const auto& dram : {midap, slowest}) {
      ASSERT_GE(dram.latency_cycles(bytes), 42);
      ASSERT_LE(dram.latency_cycles(bytes), dram.latency_cycles(kHuge));
    }
  }
}

TEST(DramConfigTest, FasterBusNeverTakesLonger) {
  const auto base = dram_of(MidapYaml());
  for (const char* clock : {"1601", "2000", "3200", "100000"}) {
    const auto faster = dram_of(MidapYaml().with("dram.clock_mhz", clock));
    for (std::int64_t bytes = 0; bytes < 300000; bytes += 777) {
      ASSERT_LE(faster.transfer_cycles(bytes), base.transfer_cycles(bytes))
          << clock << " " << bytes;
      ASSERT_EQ(faster.latency_cycles(bytes), base.latency_cycles(bytes)) << clock << " " << bytes;
    }
  }
}

TEST(DramConfigTest, MemoryBelowOneBytePerCycleIsRefused) {
  EXPECT_EQ(dram_of(MidapYaml().with("dram.clock_mhz", "62.5")).bytes_per_cycle(), 1);  // 16 / 16
  EXPECT_THAT(MidapYaml().with("dram.clock_mhz", "62").error(),
              HasSubstr("dram.clock_mhz: too slow"));
}

TEST(DramConfigTest, PlannersSeeLatencyBandwidthAsItIs) {
  const DramConfig dram = MidapYaml().read().dram;
  const auto& config = std::get<LatencyBandwidthDramConfig>(dram);
  const PlanningDram plan = planning_dram(dram);
  for (std::int64_t bytes = 0; bytes < 300000; bytes += 77) {
    ASSERT_EQ(plan.latency_cycles(bytes), config.latency_cycles(bytes));
    ASSERT_EQ(plan.transfer_cycles(bytes), config.transfer_cycles(bytes));
  }
}

TEST(DramConfigTest, IdealMemoryHasNoLatencyAndUnlimitedBandwidth) {
  EXPECT_EQ(peak_bytes_per_cycle(IdealDramConfig{}), std::numeric_limits<double>::infinity());
  const PlanningDram plan = planning_dram(IdealDramConfig{});
  for (const std::int64_t bytes : {std::int64_t{1}, std::int64_t{4096}, std::int64_t{1} << 40}) {
    EXPECT_EQ(plan.latency_cycles(bytes), 0);
    EXPECT_EQ(plan.transfer_cycles(bytes), 1);
  }
  EXPECT_EQ(plan.transfer_cycles(0), 0);
}

TEST(DramConfigTest, IdealMemoryHasNoKeys) {
  const std::string midap = MidapYaml().text();
  const std::string core = midap.substr(0, midap.find("dram:"));
  const std::string ideal = core + "dram:\n  model: ideal\n";
  const HardwareConfig machine = read_hardware_text(ideal, "m.yaml");
  EXPECT_TRUE(std::holds_alternative<IdealDramConfig>(machine.dram));
  EXPECT_TRUE(std::holds_alternative<IdealDramConfig>(
      read_hardware_text(hardware_yaml(machine), "written").dram));
  EXPECT_THAT(input_error_of([&] { read_hardware_text(ideal + "  row_cycles: 1\n", "m.yaml"); }),
              HasSubstr("dram.row_cycles: unknown key"));
}

TEST(DramConfigTest, UnknownModelNamesTheKnownOnes) {
  EXPECT_THAT(MidapYaml().with("dram.model", "magic").error(),
              HasSubstr("dram.model: unknown value 'magic'; choose one of: latency_bandwidth"));
}

TEST(DramConfigTest, MisspelledKeyIsRejectedRatherThanIgnored) {
  EXPECT_THAT(MidapYaml().with_line_after("dram.row_bytes", "row_byte: 8192").error(),
              HasSubstr("dram.row_byte: unknown key"));
}

}  // namespace
}  // namespace tilewake
