// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/device_config.hpp"

#include <string>

#include <gtest/gtest.h>

#include "simulator/hardware/hardware_yaml.hpp"
#include "simulator/hardware/machine_keys.hpp"
#include "tests/hardware/midap_yaml.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

const char* const kDeviceSection = "\ndevice: {name: a board, networks: some, error: 0.02}\n";

TEST(DeviceConfigTest, IsNoPartOfTheMachineItself) {
  const HardwareConfig plain = shipped_machine("midap");
  const std::string text = hardware_yaml(plain);
  EXPECT_EQ(text.find("device"), std::string::npos);
  const HardwareConfig stated = read_hardware_text(text + kDeviceSection, "m.yaml");
  EXPECT_EQ(machine_id(stated), machine_id(plain));
  EXPECT_NE(hardware_yaml(stated), text);
  EXPECT_EQ(read_hardware_text(hardware_yaml(stated), "m.yaml").device, stated.device);
  for (const MachineKey& key : machine_keys(stated)) EXPECT_FALSE(key.path.starts_with("device"));
}

TEST(DeviceConfigTest, HoldsForTheValuesOfTheFileOnly) {
  const std::string text = hardware_yaml(shipped_machine("midap")) + kDeviceSection;
  const auto is_known = [&](const std::string& key, const std::string& value) {
    return read_hardware_text(text, "m.yaml", {{key, value}}).device.is_known();
  };
  EXPECT_TRUE(is_known("name", "other"));
  EXPECT_TRUE(is_known("energy.node_nm", "16"));
  EXPECT_TRUE(is_known("device.error", "0.03"));
  EXPECT_FALSE(is_known("clock_mhz", "500"));
  EXPECT_FALSE(is_known("dram.model", "ideal"));
}

TEST(DeviceConfigTest, TextsHaveTheErrorInPercentOfTheMeasuredLatency) {
  const DeviceConfig device = {"board", "networks", 0.0225, DeviceConfig::kUnknown};
  EXPECT_EQ(device_text(device), "board: within 2.25 % in the mean on networks, held out");
  EXPECT_EQ(device_latency_text(device, 0.04123), "device 0.04123 ms +- 2.25 % (board; networks)");
}

}  // namespace
}  // namespace tilewake
