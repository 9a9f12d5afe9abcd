// SPDX-License-Identifier: Apache-2.0
#include "simulator/energy/memory_footprint.hpp"

#include <string>

#include <gtest/gtest.h>

#include "simulator/api/inputs.hpp"
#include "simulator/api/simulation.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

Summary footprints_of(const std::string& machine, const std::string& network_text,
                      const std::vector<YamlOverride>& values = {}) {
  return simulate(read_machine(source_path("hw_configs/" + machine + ".yaml").string(), values),
                  read_workload_text(network_text, "test.yaml"))
      .summary;
}

/// Maps of 4 x 16 x 16 = 1024, 8 x 16 x 16 = 2048, 2 x 16 x 16 = 512 and 512 bytes; weights of 32,
/// 16 and 4 bytes. b is needed while c and d are computed.
constexpr const char* kFork =
    "name: fork\n"
    "input: {channels: 4, height: 16, width: 16}\n"
    "layers:\n"
    "  - {name: a, op: conv2d, out_channels: 8, kernel: 1, bias: false}\n"
    "  - {name: b, op: conv2d, out_channels: 2, kernel: 1, bias: false}\n"
    "  - {name: c, op: conv2d, out_channels: 2, kernel: 1, bias: false}\n"
    "  - {name: d, op: conv2d, inputs: [c], out_channels: 8, kernel: 1, bias: false}\n"
    "  - {name: e, op: concat, inputs: [d, b]}\n";

TEST(MemoryFootprintTest, OfDramByHand) {
  // Without a memory of feature maps all maps are in DRAM. While a is computed: the input and a.
  // d and b are in the place of e, 10 x 256 bytes, from b on: with c 3072, with a 4608 bytes.
  const Summary s = footprints_of("edge_systolic_32", kFork);
  EXPECT_EQ(s.info.num_params, 32 + 16 + 4 + 16);
  EXPECT_EQ(s.info.dram_footprint_bytes, 2048 + 2560 + s.info.num_params);
}

TEST(MemoryFootprintTest, OfMapsOnChipByHand) {
  const std::vector<YamlOverride> memory = {{"core.feature_memory_bytes", "1048576"}};
  const Summary s = footprints_of("edge_systolic_32", kFork, memory);
  const Summary without = footprints_of("edge_systolic_32", kFork);
  EXPECT_GE(s.info.peak_chip_bytes, 2048);
  EXPECT_LT(s.info.dram_footprint_bytes, without.info.dram_footprint_bytes);
  EXPECT_GE(s.info.dram_footprint_bytes, 1024 + s.info.num_params);  // input and weights
}

TEST(MemoryFootprintTest, PeaksAreAtMostTheMemoriesOfTheMachine) {
  for (const std::string& name : shipped_machine_names()) {
    const HardwareConfig hardware = shipped_machine(name);
    const std::int64_t bytes = on_chip_bytes(hardware);
    const Summary s = simulate(read_machine(source_path("hw_configs/" + name + ".yaml").string()),
                               read_workload(source_path("networks/mobilenet_v2.yaml").string()))
                          .summary;
    EXPECT_GT(s.info.peak_chip_bytes, 0) << name;
    EXPECT_LE(s.info.peak_chip_bytes, bytes) << name;
  }
}

}  // namespace
}  // namespace tilewake
