// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "latency_model/features/feature_extractor.hpp"
#include "simulator/api/simulation.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

constexpr DispatchConfig kDispatch{123'456, 789};

/// Laws of the constants of an inference and of a layer, on every core kind.
class DispatchTest : public ::testing::TestWithParam<std::string> {
 protected:
  static std::vector<Network> networks() {
    return {shipped_network("mobilenet_v2"), shipped_network("squeezenet"),
            shipped_network("shufflenet_v2_x1")};
  }

  HardwareConfig machine_ = shipped_machine(GetParam());
};

std::int64_t num_executed(const SimulatedNetwork& run) {
  std::int64_t num = 0;
  for (const TraceRow& row : run.rows) num += row.is_fused() ? 0 : 1;
  return num;
}

std::int64_t expected_dispatch(const SimulatedNetwork& run) {
  return kDispatch.inference_cycles + num_executed(run) * kDispatch.layer_cycles;
}

// Nothing overlaps with a memory that takes no time.
TEST_P(DispatchTest, WithoutOverlapANetworkTakesExactlyTheConstantsLonger) {
  machine_.dram = IdealDramConfig{};
  NetworkSimulator without(machine_);
  machine_.dispatch = kDispatch;
  NetworkSimulator with(machine_);
  for (const Network& network : networks()) {
    SCOPED_TRACE(network.name);
    const SimulatedNetwork before = without.run(network);
    const SimulatedNetwork after = with.run(network);
    EXPECT_EQ(after.total_cycles, before.total_cycles + expected_dispatch(after));
  }
}

TEST_P(DispatchTest, LoadsOfALayerGoOnDuringItsDispatch) {
  NetworkSimulator without(machine_);
  machine_.dispatch = kDispatch;
  NetworkSimulator with(machine_);
  for (const Network& network : networks()) {
    SCOPED_TRACE(network.name);
    const SimulatedNetwork before = without.run(network);
    const SimulatedNetwork after = with.run(network);
    EXPECT_GT(after.total_cycles, before.total_cycles + kDispatch.inference_cycles);
    EXPECT_LT(after.total_cycles, before.total_cycles + expected_dispatch(after));
  }
}

TEST_P(DispatchTest, EveryExecutedLayerHasItsConstantAndTheFirstThatOfTheInference) {
  machine_.dispatch = kDispatch;
  NetworkSimulator simulator(machine_);
  const auto extractor = make_feature_extractor(machine_);
  for (const Network& network : networks()) {
    SCOPED_TRACE(network.name);
    const SimulatedNetwork run = simulator.run(network);
    const std::vector<LayerFeatures> features = extractor->extract(network);
    std::int64_t inference = kDispatch.inference_cycles;
    for (const TraceRow& row : run.rows) {
      std::int64_t expected = 0;
      if (!row.is_fused()) expected = kDispatch.layer_cycles + std::exchange(inference, 0);
      EXPECT_EQ(row.dispatch_cycles, expected) << row.layer;
      EXPECT_EQ(features[static_cast<std::size_t>(row.index)].dispatch_cycles,
                static_cast<double>(expected))
          << row.layer;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Machines, DispatchTest,
                         ::testing::Values("midap", "midap_lpddr4", "edge_systolic_32", "dsp_like"),
                         [](const auto& param) { return param.param; });

}  // namespace
}  // namespace tilewake
