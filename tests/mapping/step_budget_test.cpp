// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/step_budget.hpp"

#include <cmath>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/common/error.hpp"
#include "simulator/mapping/mapper.hpp"
#include "simulator/network/network_yaml.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/midap_machines.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;

const std::string kNetwork =
    "name: n\ninput: {channels: 64, height: 32, width: 32}\nlayers:\n"
    "  - {name: first, op: conv2d, kernel: 3, out_channels: 64}\n"
    "  - {name: second, op: conv2d, kernel: 1, out_channels: 128}\n"
    "  - {name: third, op: depthwise_conv2d, kernel: 3}\n";

TEST(StepBudgetTest, TheLayerThatExceedsTheBoundIsRefused) {
  const MappingOptions options{100, "; ask for more", nullptr};
  StepBudget budget(options);
  budget.spend("a", 60.0);
  budget.spend("b", 40.0);
  const std::string error = input_error_of([&] { budget.spend("c", 1.0); });
  EXPECT_THAT(error, HasSubstr("layer c: "));
  EXPECT_THAT(error, HasSubstr("101"));
  EXPECT_THAT(error, HasSubstr("100; ask for more"));
}

TEST(StepBudgetTest, OnlyBankedMemoryCutsTransfersIntoSteps) {
  EXPECT_TRUE(std::isinf(dram_step_bytes(IdealDramConfig{})));
  EXPECT_TRUE(std::isinf(dram_step_bytes(LatencyBandwidthDramConfig{})));
  BankedDramConfig banked = std::get<BankedDramConfig>(shipped_machine("midap_lpddr4").dram);
  EXPECT_EQ(dram_step_bytes(banked), 4096.0);
  banked.scheduling = DramScheduling::kFrFcfs;
  EXPECT_EQ(dram_step_bytes(banked), static_cast<double>(banked.burst_bytes()));
}

TEST(StepBudgetTest, EveryKindOfMachineKeepsToTheBound) {
  const Network network = read_network_text(kNetwork, "n.yaml");
  for (const char* name : {"midap", "midap_lpddr4", "tpu_like_128", "vpu_like"}) {
    const HardwareConfig hardware = shipped_machine(name);
    const Program program = map_network(network, hardware);
    for (const ProgramLayer& layer : program.layers) {
      EXPECT_GT(layer.steps, 0.0) << name;
      EXPECT_LT(layer.steps, 1e5) << name;
    }
    EXPECT_THAT(input_error_of([&] {
                  map_network(network, hardware, {1, "", nullptr});
                }),
                HasSubstr("layer first: "))
        << name;
  }
}

TEST(StepBudgetTest, LayersAreAnnouncedInTheirOrder) {
  const Network network = read_network_text(kNetwork, "n.yaml");
  for (const char* name : {"midap", "tpu_like_128"}) {
    std::string seen;
    MappingOptions options;
    options.on_layer = [&](const std::string& layer, std::size_t index, std::size_t number) {
      seen += layer + std::to_string(index) + "/" + std::to_string(number) + " ";
    };
    map_network(network, shipped_machine(name), options);
    EXPECT_EQ(seen, "first0/3 second1/3 third2/3 ");
  }
}

}  // namespace
}  // namespace tilewake
