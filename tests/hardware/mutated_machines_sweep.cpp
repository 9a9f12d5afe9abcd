// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include <gtest/gtest.h>

#include "simulator/hardware/hardware_config.hpp"
#include "tests/support/source_files.hpp"
#include "tests/support/yaml_mutator.hpp"

namespace tilewake {
namespace {

/// Every accepted machine can be used; the sanitizers of the asan preset check it.
void exercise(const HardwareConfig& machine) {
  ASSERT_GE(machine.peak_macs_per_cycle(), 1);
  ASSERT_GE(peak_bytes_per_cycle(machine.dram), 1.0);
  for (const std::int64_t bytes :
       {std::int64_t{0}, std::int64_t{100'000}, std::numeric_limits<std::int64_t>::max()}) {
    const PlanningDram dram = planning_dram(machine.dram);
    ASSERT_GE(dram.latency_cycles(bytes), 0);
    ASSERT_GE(dram.transfer_cycles(bytes), 0);
  }
}

TEST(MutatedMachinesTest, AreReadOrRefusedWithAPlace) {
  int num_accepted = 0;
  for (const auto& file : yaml_files_in("hw_configs")) {
    SCOPED_TRACE(file);
    expect_mutants_parse_or_explain(
        read_file(file), /*seed=*/7, /*num_mutants=*/5000,
        [&num_accepted](const std::string& text, const std::string& name) {
          exercise(read_hardware_text(text, name));
          ++num_accepted;
        });
  }
  EXPECT_GT(num_accepted, 100);  // else the mutants are so broken that no reader is reached
}

}  // namespace
}  // namespace tilewake
