// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/scalesim_cfg.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// As SCALE-Sim v2 ships its configurations.
const std::string kScaleCfg =
    "[general]\nrun_name = small\n\n[architecture_presets]\nArrayHeight: 8\nArrayWidth: 16\n"
    "IfmapSramSzkB: 64\nFilterSramSzkB: 64\nOfmapSramSzkB: 32\nIfmapOffset: 0\nFilterOffset: "
    "10000000\nOfmapOffset: 20000000\nBandwidth : 10\nDataflow : ws\nMemoryBanks: 1\n\n"
    "[run_presets]\nInterfaceBandwidth: CALC\n";

ScalesimMachine machine_of_cfg(const std::string& more) {
  return machine_of_scalesim_cfg(kScaleCfg + more, "s.cfg");
}

TEST(ScalesimCfg, WhatSwitchesNothingOnGivesNoWarning) {
  EXPECT_TRUE(machine_of_cfg("").warnings.empty());
  const ScalesimMachine machine = machine_of_cfg("[sparsity]\nSparsitySupport: false\n");
  EXPECT_TRUE(machine.warnings.empty());
  EXPECT_EQ(machine.yaml, machine_of_cfg("").yaml);
}

TEST(ScalesimCfg, KeysThatAreNotReadAreNamed) {
  const ScalesimMachine machine = machine_of_cfg("PingPongDepth: 3\n");
  ASSERT_EQ(machine.warnings.size(), 1U);
  EXPECT_THAT(machine.warnings[0], StartsWith("s.cfg:19: PingPongDepth: "));
}

TEST(ScalesimCfg, WhatIsNotModelledIsRefusedByName) {
  const auto error = [](const std::string& more) {
    return input_error_of([&] { machine_of_cfg(more); });
  };
  EXPECT_THAT(error("SparsitySupport: True\n"), StartsWith("s.cfg:19: SparsitySupport: "));
  EXPECT_THAT(error("UseRamulatorTrace = True\n"), HasSubstr("UseRamulatorTrace"));
  EXPECT_THAT(error("ArrayHeight: 9\n"), StartsWith("s.cfg:19: ArrayHeight: "));
}

}  // namespace
}  // namespace tilewake
