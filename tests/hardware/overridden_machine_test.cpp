// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/hardware/hardware_config.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "tests/hardware/midap_yaml.hpp"
#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;

/// All values of the machine, or the error.
std::string machine_or_error(const std::string& text, const std::vector<YamlOverride>& overrides) {
  std::string machine;
  const std::string error = input_error_of(
      [&] { machine = hardware_yaml(read_hardware_text(text, "m.yaml", overrides)); });
  return machine.empty() ? error : machine;
}

TEST(OverriddenMachineTest, EqualsAFileThatHoldsTheValue) {
  const MidapYaml midap;
  for (const auto& [key, line] : midap.keys()) {
    for (const std::string value : {"0", "1", "2", "64", "8192", "-1", "1.5", "x", "1e3"}) {
      EXPECT_EQ(machine_or_error(midap.text(), {{key, value}}),
                machine_or_error(midap.with(key, value).text(), {}))
          << key << "=" << value;
    }
  }
}

TEST(OverriddenMachineTest, KeyOfNoMachineIsRefusedAndTheKnownOnesAreNamed) {
  const std::string text = MidapYaml().text();
  const std::string error = machine_or_error(text, {{"dram.channels", "2"}});
  EXPECT_EQ(error.find("m.yaml:"), 0U) << error;
  EXPECT_NE(error.find("dram.channels: unknown key; known here: beats_per_clock, "),
            std::string::npos)
      << error;
}

// MIDAP is a machine of int8.
TEST(OverriddenMachineTest, AnElementFitsItsSumsAndItsEnergy) {
  const auto error = [](const std::string& machine, const std::vector<YamlOverride>& overrides) {
    return machine_or_error(read_file(source_path("hw_configs/" + machine + ".yaml")), overrides);
  };
  EXPECT_THAT(
      error("edge_systolic_32", {{"core.element", "fp32"}, {"core.accumulator_bytes", "2"}}),
      HasSubstr("core.accumulator_bytes: must be at least the 4 of an element of type fp32"));
  EXPECT_THAT(
      error("vpu_like", {{"core.element", "int16"}, {"core.accumulator_bytes", "1"}}),
      HasSubstr("core.accumulator_bytes: must be at least the 2 of an element of type int16"));
  EXPECT_THAT(error("vpu_like", {{"core.element", "fp32"}, {"energy.element", "fp16"}}),
              HasSubstr("energy.element: must be left out beside core.element (fp32)"));
  EXPECT_THAT(error("midap", {{"core.element", "fp16"}}), HasSubstr("core.element: unknown key"));
}

}  // namespace
}  // namespace tilewake
