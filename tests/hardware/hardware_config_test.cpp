// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/hardware_config.hpp"

#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/hardware/midap_yaml.hpp"

namespace tilewake {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(HardwareConfigTest, ShippedMidapIsTheReferenceMachine) {
  const HardwareConfig config = read_hardware(source_path("hw_configs/midap.yaml").string());
  EXPECT_EQ(config.name, "midap");
  EXPECT_EQ(config.clock_mhz, 1000);
  const auto& core = std::get<MidapConfig>(config.core);
  EXPECT_EQ(core.num_cims, 16);
  EXPECT_EQ(core.system_width, 64);
  EXPECT_EQ(core.fmem_num_banks, 4);
  EXPECT_EQ(core.fmem_bank_bytes, 262144);
  EXPECT_EQ(core.wmem_bank_bytes, 16384);
  EXPECT_EQ(core.wmem_extended_bank_bytes, 131072);
  EXPECT_EQ(core.bmmem_bytes, 4096);
  EXPECT_EQ(core.reduction_bytes, 4096);
}

TEST(HardwareConfigTest, AMegahertzIsAThousandCyclesPerMillisecond) {
  EXPECT_DOUBLE_EQ(MidapYaml().read().cycles_to_ms(2'470'000), 2.47);
  EXPECT_DOUBLE_EQ(MidapYaml().with("clock_mhz", "500").read().cycles_to_ms(2'470'000), 4.94);
}

TEST(HardwareConfigTest, CoreKindsAreWhatTheReaderAccepts) {
  EXPECT_THAT(kCoreKinds, ElementsAre("midap", "systolic", "vector"));
  EXPECT_THAT(
      MidapYaml().with("core.kind", "abacus").error(),
      HasSubstr("core.kind: unknown value 'abacus'; choose one of: midap, systolic, vector"));
}

TEST(HardwareConfigTest, ErrorNamesFileLineAndKey) {
  for (const auto& [key, line] : MidapYaml().keys()) {
    const std::string place = "m.yaml:" + std::to_string(line) + ": " + key + ": ";
    EXPECT_THAT(MidapYaml().with(key, "[]").error(), HasSubstr(place));
  }
}

TEST(HardwareConfigTest, KeysWithoutADefaultAreRequired) {
  const std::set<std::string> with_default = {"dram.num_channels",       "dram.row_cycles",
                                              "dram.row_bytes",          "dram.first_row_bytes",
                                              "dram.refresh_cycles",     "dram.refresh_bytes",
                                              "dram.first_refresh_bytes"};
  for (const auto& [key, line] : MidapYaml().keys()) {
    const std::string missing = ": " + key + ": missing";
    if (with_default.contains(key))
      EXPECT_THAT(MidapYaml().without(key).error(), Not(HasSubstr(missing)));
    else
      EXPECT_THAT(MidapYaml().without(key).error(), HasSubstr(missing));
  }
}

/// The values of a machine file, with all defaults.
std::string resolved_text(const std::string& text) {
  return hardware_yaml(read_hardware_text(text, "m.yaml"));
}

// What a data sheet does not say has the defaults of hw_configs/README.md.
TEST(HardwareConfigTest, AMachineNeedsOnlyWhatADataSheetSays) {
  EXPECT_EQ(
      resolved_text("name: a\n"
                    "clock_mhz: 1000\n"
                    "core: {kind: systolic, rows: 16, cols: 8, unified_buffer_bytes: 65536}\n"
                    "dram: {model: banked, preset: DDR4-2400}\n"),
      resolved_text("name: a\n"
                    "clock_mhz: 1000\n"
                    "core:\n"
                    "  kind: systolic\n"
                    "  rows: 16\n"
                    "  cols: 8\n"
                    "  dataflow: output_stationary\n"
                    "  overlap_folds: true\n"
                    "  depthwise: array\n"
                    "  unified_buffer_bytes: 65536\n"
                    "  input_buffer: {num_slots: 2, num_banks: 16, port_bytes: 1}\n"
                    "  weight_buffer: {num_slots: 2, num_banks: 8, port_bytes: 1}\n"
                    "  output_buffer: {num_slots: 2, num_banks: 8, port_bytes: 4}\n"
                    "  accumulator_bytes: 4\n"
                    "  vector_unit: {lanes: 8, fuse_elementwise: true}\n"
                    "dram: {model: banked, preset: DDR4-2400, num_channels: 1, num_ranks: 1,\n"
                    "       interleave_bytes: 256, controller: in_order}\n"));
  EXPECT_EQ(
      resolved_text("name: a\n"
                    "clock_mhz: 2000\n"
                    "core: {kind: vector, lanes: 8, local_memory_bytes: 65536}\n"
                    "dram: {model: ideal}\n"),
      resolved_text("name: a\n"
                    "clock_mhz: 2000\n"
                    "core:\n"
                    "  kind: vector\n"
                    "  num_cores: 1\n"
                    "  lanes: 8\n"
                    "  dot_length: 1\n"
                    "  lane_axis: channels\n"
                    "  local_memory_bytes: 65536\n"
                    "  num_slots: 2\n"
                    "  accumulator_bytes: 4\n"
                    "  fuse_elementwise: true\n"
                    "  efficiency: {conv2d: 0.8, depthwise_conv2d: 0.5, fully_connected: 0.5,\n"
                    "               pool: 0.5, elementwise: 0.4}\n"
                    "  loop_cycles: 4\n"
                    "  issue_cycles: 200\n"
                    "dram: {model: ideal}\n"));
}

// Their ports feed an array of a wider type as well.
TEST(HardwareConfigTest, DefaultPortsFollowTheArray) {
  const HardwareConfig machine = read_hardware_text(
      "name: a\n"
      "clock_mhz: 1000\n"
      "core: {kind: systolic, rows: 16, cols: 8, element: fp16, unified_buffer_bytes: 65536}\n"
      "dram: {model: ideal}\n",
      "m.yaml", {{"core.rows", "32"}});
  const auto& core = std::get<SystolicConfig>(machine.core);
  EXPECT_EQ(core.input.bytes_per_cycle(), 32 * 2);
  EXPECT_EQ(core.weight.bytes_per_cycle(), 8 * 2);
  EXPECT_EQ(core.output.bytes_per_cycle(), 8 * 4);
}

TEST(HardwareConfigTest, ABufferNeedsBytesOrTheUnifiedOne) {
  EXPECT_THAT(input_error_of([] {
                read_hardware_text(
                    "name: a\n"
                    "clock_mhz: 1000\n"
                    "core: {kind: systolic, rows: 16, cols: 8}\n"
                    "dram: {model: ideal}\n",
                    "m.yaml");
              }),
              HasSubstr("m.yaml:3: core.input_buffer: must be given, unless "
                        "core.unified_buffer_bytes is"));
}

// Sizes of such a file can be numbers of values: with another type they would be bytes.
TEST(HardwareConfigTest, TheTypeOfEnergyIsNotGivenBesideThatOfTheCore) {
  for (const char* element : {"int16", "fp32"}) {
    EXPECT_THAT(input_error_of([&] {
                  read_hardware_text(
                      "name: a\n"
                      "clock_mhz: 1000\n"
                      "core: {kind: vector, lanes: 8, local_memory_bytes: 65536}\n"
                      "dram: {model: ideal}\n"
                      "energy: {node_nm: 16, element: fp32}\n",
                      "m.yaml", {{"core.element", element}});
                }),
                HasSubstr("energy.element: must be left out beside core.element"));
  }
}

TEST(HardwareConfigTest, UnknownKeyIsRejectedInEverySection) {
  for (const auto& [key, line] : MidapYaml().keys()) {
    const std::string section = key.substr(0, key.rfind('.') + 1);  // "" at the top level
    const std::string place = "m.yaml:" + std::to_string(line + 1) + ": " + section;
    EXPECT_THAT(MidapYaml().with_line_after(key, "typo: 1").error(),
                HasSubstr(place + "typo: unknown key; known here: "));
  }
}

TEST(HardwareConfigTest, NameIsAPlainWord) {
  for (const char* name : {"'a b'", "''", "a/b", "'a,b'", "'\"'"}) {
    EXPECT_THAT(MidapYaml().with("name", name).error(),
                HasSubstr(": name: must be 1 to 64 letters"))
        << name;
  }
  EXPECT_THAT(MidapYaml().with("name", std::string(65, 'a')).error(), HasSubstr(": name: "));
  EXPECT_EQ(MidapYaml().with("name", std::string(64, 'a')).error(), "no error");
}

TEST(HardwareConfigTest, MissingFileIsABadInput) {
  EXPECT_THROW(read_hardware("/nonexistent/machine.yaml"), InputError);
}

}  // namespace
}  // namespace tilewake
