// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include <gtest/gtest.h>

#include "simulator/api/simulation.hpp"
#include "tests/support/reference_table.hpp"
#include "tests/support/s3nas_block.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

TEST(MidapBlocksSweep, EveryPublishedBlockTakesItsCycles) {
  NetworkSimulator midap(shipped_machine("midap"));
  const std::vector<ReferenceRow> blocks = read_reference_table("midap_blocks.csv");
  ASSERT_EQ(blocks.size(), 324u);
  for (const ReferenceRow& row : blocks) {
    const S3nasBlock block = s3nas_block_of(row);
    const SimulatedNetwork run = midap.run(network_of(block));
    std::int64_t cycles = 0;
    for (const TraceRow& layer : run.rows)
      if (is_measured(block, layer.layer)) cycles += layer.total_cycles;
    EXPECT_EQ(cycles, row.number("latency_cycles")) << row.line();
    EXPECT_EQ(run.schedule, "reference") << row.line();
  }
}

}  // namespace
}  // namespace tilewake
