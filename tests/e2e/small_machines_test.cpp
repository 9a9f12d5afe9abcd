// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "simulator/api/simulation.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

/// The blocks of YAML in a Markdown text.
std::vector<std::string> yaml_blocks(const std::string& markdown) {
  const std::string fence = "```yaml\n";
  std::vector<std::string> blocks;
  for (std::size_t at = 0; (at = markdown.find(fence, at)) != std::string::npos;) {
    const std::size_t begin = at + fence.size();
    at = markdown.find("```", begin);
    blocks.push_back(markdown.substr(begin, at - begin));
  }
  return blocks;
}

TEST(SmallMachinesTest, TheMachinesToStartFromSimulateNetworks) {
  const std::vector<std::string> blocks =
      yaml_blocks(read_file(source_path("hw_configs/README.md")));
  ASSERT_EQ(blocks.size(), 5u);
  for (const std::string& text : blocks) {
    const HardwareConfig machine = read_hardware_text(text, "README.md");
    NetworkSimulator simulator(machine);
    for (const char* name : {"mobilenet_v2", "resnet50"}) {
      const SimulatedNetwork run = simulator.run(shipped_network(name));
      std::int64_t macs = 0;
      for (const TraceRow& row : run.rows) macs += row.macs;
      EXPECT_GE(run.total_cycles * machine.peak_macs_per_cycle(), macs) << machine.name;
    }
  }
}

}  // namespace
}  // namespace tilewake
