// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "simulator/engine/memory/stream_channel.hpp"
#include "tests/engine/dram_reference.hpp"

namespace tilewake {
namespace {

/// Cycles from the first burst's arrival to the last data.
std::int64_t cycles_of(const ReferenceRow& row) {
  const BankedDramConfig config = config_of(row);
  StreamChannel channel(config);
  std::int64_t end = 0;
  for (const BurstRun& bursts : bursts_of(row.text("stream"), config))
    end = channel.run(bursts.first, bursts.count, bursts.write, 0).data_end;
  return end;
}

TEST(DramGoldenTest, StreamsTakeTheCyclesOfTheReference) {
  int num_compared = 0;
  double sum_of_errors = 0.0;
  for (const ReferenceRow& row : read_reference_table("dram_golden.csv")) {
    SCOPED_TRACE(row.text("config") + " " + row.text("stream"));
    const double error =
        static_cast<double>(cycles_of(row)) / static_cast<double>(row.number("cycles")) - 1.0;
    // Streams that march on; two streams far apart, whose rows conflict; the rest is no target.
    const std::string stream = row.text("stream");
    if (stream.starts_with("seq_") || stream == "rw4K_same_1M") {
      EXPECT_LT(std::abs(error), 0.01);
      sum_of_errors += std::abs(error);
      ++num_compared;
    } else if (stream == "rw4K_sep_1M") {
      EXPECT_LT(std::abs(error), 0.06);
    }
  }
  EXPECT_EQ(num_compared, 45);
  EXPECT_LT(sum_of_errors / num_compared, 0.001);
}

}  // namespace
}  // namespace tilewake
