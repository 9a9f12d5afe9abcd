// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/midap_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/hardware/midap_yaml.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;

struct CrossCheck {
  const char* changed;
  const char* refused;   // just outside of the allowed range
  const char* accepted;  // just within it
  const char* message;
};

// midap has 16 CIMs, rows of 64 entries and WMEM banks of 16384.
constexpr CrossCheck kCrossChecks[] = {
    {"core.system_width", "72", "80", "core.system_width: must be a multiple of num_cims (16)"},
    {"core.num_cims", "24", "32", "core.system_width: must be a multiple of num_cims (24)"},
    {"core.fmem.bank_bytes", "262176", "262208",
     "core.fmem.bank_bytes: must be a multiple of core.system_width (64)"},
    {"core.wmem.bank_bytes", "63", "64",
     "core.wmem.bank_bytes: must hold a row of core.system_width (64)"},
    {"core.wmem.extended_bank_bytes", "16383", "16384",
     "core.wmem.extended_bank_bytes: must be at least bank_bytes (16384), which it extends"},
    {"core.bmmem.bytes", "15", "16",
     "core.bmmem.bytes: must hold a bias for each of core.num_cims (16)"},
    {"core.reduction.bytes", "63", "64",
     "core.reduction.bytes: must hold a row of core.system_width (64)"},
};

TEST(MidapConfigTest, EachCrossCheckIsTight) {
  for (const CrossCheck& rule : kCrossChecks) {
    const MidapYaml refused = MidapYaml().with(rule.changed, rule.refused);
    EXPECT_THAT(refused.error(), HasSubstr(rule.message));
    MidapYaml accepted = MidapYaml().with(rule.changed, rule.accepted);
    if (rule.changed == std::string("core.system_width")) {
      accepted = accepted.with("core.fmem.bank_bytes", "262160");  // a multiple of 80 too
    }
    EXPECT_EQ(accepted.error(), "no error") << rule.changed;
  }
}

TEST(MidapConfigTest, PeakIsOneMacPerCimAndLane) {
  EXPECT_EQ(MidapYaml().read().peak_macs_per_cycle(), 1024);
  EXPECT_EQ(MidapYaml().with("core.num_cims", "32").read().peak_macs_per_cycle(), 2048);
}

TEST(MidapConfigTest, LargestMachineDoesNotOverflow) {
  const auto config = MidapYaml()
                          .with("core.num_cims", "1024")
                          .with("core.system_width", "4096")
                          .with("core.fmem.num_banks", "64")
                          .with("core.fmem.bank_bytes", "1073741824")
                          .with("core.wmem.bank_bytes", "1073741824")
                          .with("core.wmem.extended_bank_bytes", "1073741824")
                          .with("core.bmmem.bytes", "1073741824")
                          .with("core.reduction.bytes", "1073741824")
                          .read();
  EXPECT_EQ(config.peak_macs_per_cycle(), 4194304);
}

}  // namespace
}  // namespace tilewake
