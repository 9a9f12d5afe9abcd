// SPDX-License-Identifier: Apache-2.0
#include "latency_model/fit/fitted_file.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "latency_model/fit/fit_key.hpp"
#include "simulator/api/data_files.hpp"
#include "simulator/api/inputs.hpp"
#include "simulator/hardware/hardware_yaml.hpp"

namespace tilewake {
namespace {

MeasuredTable small_table() {
  MeasuredTable table;
  for (const char* name : {"mobilenet_v2", "resnet18"}) {
    MeasuredRow row;
    row.network = name;
    row.workload = read_workload(name);
    row.latency_ms = 10.0;
    table.rows.push_back(std::move(row));
  }
  return table;
}

TEST(FittedFileTest, AFileWithValuesIsTheMachineWithTheseSettings) {
  const MeasuredTable table = small_table();
  for (const DataFile& file : data_files(DataKind::kMachine)) {
    const Machine machine = read_machine(file.name);
    std::vector<YamlOverride> values;
    for (const FitKey& key : default_fit_keys(machine.config, table)) {
      values.push_back({key.path, key.text_at(-0.3)});
    }
    values.push_back({"clock_mhz", "123"});
    const std::string text = with_values(machine.file.text, file.path, values);
    EXPECT_EQ(machine_id(read_machine_text(text, file.path).config),
              machine_id(read_machine(file.name, values).config))
        << file.name;
    // Comments are kept, but for a section in braces that lacks a key.
    if (text == hardware_yaml(read_machine(file.name, values).config)) continue;
    EXPECT_EQ(text.substr(0, text.find('\n')),
              machine.file.text.substr(0, machine.file.text.find('\n')))
        << file.name;
  }
}

TEST(FittedFileTest, MissingKeysAreInsertedIntoTheirSection) {
  const std::string machine = read_machine("cpu_like").file.text;
  EXPECT_EQ(with_values(machine, "cpu_like", {}), machine);
  const std::string changed = with_values(machine, "cpu_like", {{"dram.clock_mhz", "800"}});
  EXPECT_NE(changed.find("dram:\n  clock_mhz: 800\n"), std::string::npos);
  EXPECT_EQ(changed.size(), machine.size() + std::string("  clock_mhz: 800\n").size());
}

TEST(FittedFileTest, TheSectionDeviceIsReplacedAndMarksReplaceAssumptions) {
  const MeasuredTable table = small_table();
  for (const DataFile& file : data_files(DataKind::kMachine)) {
    const Machine start = read_machine(file.name);
    MachineFit fit;
    fit.machine = start;
    for (const FitKey& key : default_fit_keys(start.config, table)) {
      fit.keys.push_back({key, key.text_at(-0.3)});
      fit.keys.back().is_identified = true;
      fit.values.push_back({key.path, fit.keys.back().value});
    }
    for (const DeviceConfig& device :
         {DeviceConfig{}, DeviceConfig{"a: \"b\"", "networks", 0.25, DeviceConfig::kUnknown}}) {
      fit.machine.config.device = device;
      const std::string text = fitted_machine_yaml(fit, table);
      const HardwareConfig written = read_machine_text(text, file.path).config;
      EXPECT_EQ(written.device, device) << text;
      EXPECT_EQ(machine_id(written), machine_id(read_machine(file.name, fit.values).config));
      EXPECT_EQ(text.find("not fitted to a device"), std::string::npos);
      for (const FittedKey& key : fit.keys) {
        const std::string name = key.key.path.substr(key.key.path.rfind('.') + 1);
        const std::size_t at = text.find(name + ": " + key.value);
        ASSERT_NE(at, std::string::npos) << key.key.path << text;
        EXPECT_NE(text.substr(at, text.find('\n', at) - at).find("fitted, from"), std::string::npos)
            << text.substr(at, 100);
      }
    }
  }
}

TEST(FitKeyTest, OnlyListedChoicesAreTriedAndTheNearestComesFirst) {
  const Machine machine = read_machine("cpu_like");  // 8 lanes, channels
  const auto choices = [&](const std::string& text) {
    return parse_fit_keys({text}, machine.config, small_table()).front().choices;
  };
  using Texts = std::vector<std::string>;
  EXPECT_EQ(choices("core.lanes=2,16,4,32"), (Texts{"4", "2", "16", "32"}));
  EXPECT_EQ(choices("core.lanes=2,8"), (Texts{"8", "2"}));
  EXPECT_EQ(choices("core.lane_axis=pixels"), Texts{"pixels"});
  EXPECT_EQ(choices("core.lane_axis=pixels,channels"), (Texts{"channels", "pixels"}));
}

TEST(FitKeyTest, TextsStayInTheRangeAndStartAtTheStartValue) {
  const MeasuredTable table = small_table();
  for (const char* name : {"midap", "cpu_like", "edge_systolic_32", "dsp_like"}) {
    const Machine machine = read_machine(name);
    for (const FitKey& key : default_fit_keys(machine.config, table)) {
      EXPECT_NEAR(std::stod(key.text_at(0.0)), key.start, 1e-5 * key.start) << key.path;
      for (double at = -20.0; at <= 20.0; at += 0.37) {
        const double value = std::stod(key.text_at(at));
        EXPECT_GE(value, key.low) << key.path;
        EXPECT_LE(value, key.high) << key.path;
      }
      EXPECT_NEAR(key.position_of(key.start), 0.0, 1e-9) << key.path;
    }
  }
}

}  // namespace
}  // namespace tilewake
