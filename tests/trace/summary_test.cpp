// SPDX-License-Identifier: Apache-2.0
#include "simulator/trace/summary.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "simulator/common/version.hpp"
#include "tests/trace/trace_fixture.hpp"

namespace tilewake {
namespace {

RunInfo small_info() {
  RunInfo info;
  info.network = "small";
  info.hardware = "toy";
  info.machine = kMachine;
  info.schedule = "reference";
  info.network_hash = 0xabc;
  info.hardware_hash = 0xffffffffffffffff;
  info.num_params = small_network().num_params();
  info.clock_mhz = 500.0;
  info.peak_macs_per_cycle = kPeakMacs;
  return info;
}

Summary small_summary() { return summarize(small_info(), small_rows()); }

TEST(SummaryTest, FiguresAreTheSumsOfTheRows) {
  const Summary s = small_summary();
  EXPECT_EQ(s.num_layers, 3);
  EXPECT_EQ(s.total_cycles, kSmallCycles);
  EXPECT_EQ(s.macs, small_network().num_macs());
  EXPECT_EQ(s.dram_read_bytes, 500 + 200 + 32 + 64);
  EXPECT_EQ(s.dram_write_bytes, 512 + 64);
  EXPECT_EQ(s.compute_cycles + s.setup_cycles + s.dispatch_cycles + s.stall_dram_cycles +
                s.stall_write_cycles,
            s.total_cycles);
  EXPECT_EQ(s.stall_feature_cycles + s.stall_weight_cycles + s.stall_bias_cycles,
            s.stall_dram_cycles);
}

TEST(SummaryTest, LatencyIsCyclesPerClock) {
  EXPECT_DOUBLE_EQ(small_summary().latency_ms, 150.0 / 500e3);
}

TEST(SummaryTest, UtilizationIsThatOfTheWholeRun) {
  const Summary s = small_summary();
  EXPECT_DOUBLE_EQ(s.pe_utilization, static_cast<double>(s.effective_macs) / (150.0 * 1024.0));
}

TEST(SummaryTest, JsonHoldsEveryFigure) {
  const auto json = nlohmann::json::parse(summary_json(small_summary()));
  EXPECT_EQ(json["network"], "small");
  EXPECT_EQ(json["hardware"], "toy");
  EXPECT_EQ(json["machine"], kMachine);
  EXPECT_EQ(json["schedule"], "reference");
  EXPECT_EQ(json["version"], std::string(kVersion));
  EXPECT_EQ(json["network_hash"], "fnv1a64:0000000000000abc");
  EXPECT_EQ(json["hardware_hash"], "fnv1a64:ffffffffffffffff");
  EXPECT_EQ(json["params"], small_network().num_params());
  EXPECT_EQ(json["total_cycles"], 150);
  EXPECT_DOUBLE_EQ(json["latency_ms"], 0.0003);
  EXPECT_EQ(json["num_layers"], 3);
  EXPECT_EQ(json["stall_write_cycles"], 2);
  EXPECT_EQ(json.size(), 51U);
  EXPECT_TRUE(json["device"].is_null());
}

TEST(SummaryTest, RunJsonIsTheSummaryAndTheRows) {
  auto json = nlohmann::json::parse(run_json(small_summary(), small_rows()));
  ASSERT_EQ(json["layers"].size(), 3U);
  const auto conv = json["layers"][0];
  EXPECT_EQ(conv["layer"], "conv");
  EXPECT_EQ(conv["op"], "conv2d");
  EXPECT_EQ(conv["kernel"], "3x5");
  EXPECT_EQ(conv["total_cycles"], 100);
  EXPECT_EQ(conv["padding"], "1/2/0/1");
  EXPECT_EQ(conv["bias"], 1);
  EXPECT_EQ(json["layers"][2]["fused_into"], "point");
  json.erase("layers");
  EXPECT_EQ(json, nlohmann::json::parse(summary_json(small_summary())));
}

TEST(SummaryTest, EqualInputsGiveEqualBytes) {
  EXPECT_EQ(summary_json(small_summary()), summary_json(small_summary()));
}

TEST(SummaryTest, ARunOfNoCyclesHasNoUtilization) {
  const Summary s = summarize(small_info(), {});
  EXPECT_EQ(s.pe_utilization, 0.0);
  EXPECT_EQ(s.latency_ms, 0.0);
}

}  // namespace
}  // namespace tilewake
