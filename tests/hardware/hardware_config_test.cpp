// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/hardware_config.hpp"

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

TEST(HardwareConfigTest, EveryKeyIsRequired) {
  for (const auto& [key, line] : MidapYaml().keys()) {
    EXPECT_THAT(MidapYaml().without(key).error(), HasSubstr(": " + key + ": missing"));
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
