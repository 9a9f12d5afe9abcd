// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "simulator/api/simulation.hpp"
#include "tests/support/random.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

/// Laws of channel_split and channel_shuffle on every shipped machine. The layer that is looked at
/// follows a convolution, so that MIDAP has its input on chip if it fits.
class MovedChannelsTest : public ::testing::TestWithParam<std::string> {
 protected:
  /// The row of a layer with these keys after a map of these sizes.
  TraceRow row_of(const std::string& keys, std::int64_t channels, std::int64_t height,
                  std::int64_t width) {
    const Network network = read_network_text(
        fmt::format("name: n\ninput: {{channels: 16, height: {}, width: {}}}\nlayers:\n"
                    "  - {{name: conv, op: conv2d, out_channels: {}, kernel: 1}}\n"
                    "  - {{name: moved, {}}}\n",
                    height, width, channels, keys),
        "n.yaml");
    return machine_.run(network).rows.at(1);
  }
  TraceRow split(std::int64_t first, std::int64_t count, std::int64_t channels, std::int64_t height,
                 std::int64_t width) {
    return row_of(
        fmt::format("op: channel_split, first_channel: {}, out_channels: {}", first, count),
        channels, height, width);
  }
  TraceRow shuffle(std::int64_t groups, std::int64_t channels, std::int64_t height,
                   std::int64_t width) {
    return row_of(fmt::format("op: channel_shuffle, groups: {}", groups), channels, height, width);
  }
  bool is_tiled() const { return !std::holds_alternative<MidapConfig>(machine_.hardware().core); }

  NetworkSimulator machine_{shipped_machine(GetParam())};
  Random random_{1};
};

TEST_P(MovedChannelsTest, ASplitOfAMachineThatWorksInTilesIsAPartOfItsInput) {
  if (!is_tiled()) GTEST_SKIP() << "MIDAP copies the channels";
  const TraceRow row = split(3, 8, 20, 7, 9);
  EXPECT_EQ(row.fused_into, "conv");
  EXPECT_EQ(row.total_cycles, 0);
  EXPECT_EQ(row.dram_read_bytes + row.dram_write_bytes + row.chip_read_bytes, 0);
}

TEST_P(MovedChannelsTest, CopiesTakeCyclesAndNoMacs) {
  for (int i = 0; i < 20; ++i) {
    const std::int64_t channels = 2 * random_.between(1, 150);
    const std::int64_t height = random_.between(1, 30);
    const std::int64_t width = random_.between(1, 30);
    const std::int64_t first = random_.between(0, channels - 1);
    const std::int64_t count = random_.between(1, channels - first);
    std::vector<TraceRow> rows = {shuffle(2, channels, height, width)};
    if (!is_tiled()) rows.push_back(split(first, count, channels, height, width));
    for (const TraceRow& row : rows) {
      SCOPED_TRACE(fmt::format("{} {}x{}x{} from {}: {}", to_string(row.op), channels, height,
                               width, first, count));
      EXPECT_GT(row.total_cycles, 0);
      EXPECT_GT(row.compute_cycles, 0);
      EXPECT_EQ(row.macs, 0);
      EXPECT_EQ(row.dram_read_weight_bytes + row.dram_read_bias_bytes, 0);
      EXPECT_FALSE(row.is_fused());
    }
  }
}

// MIDAP keeps inputs on chip, and stores outputs with their channels padded to a row.
TEST_P(MovedChannelsTest, EachByteIsReadOnceAndWrittenOnce) {
  for (int i = 0; i < 20; ++i) {
    const std::int64_t channels = 3 * random_.between(1, 100);
    const std::int64_t pixels = random_.between(1, 400);
    const std::int64_t first = random_.between(0, channels - 1);
    const std::int64_t count = random_.between(1, channels - first);
    const TraceRow all = shuffle(3, channels, 1, pixels);
    if (is_tiled()) {
      EXPECT_EQ(all.dram_read_bytes + all.chip_read_bytes, channels * pixels);
      EXPECT_EQ(all.dram_write_bytes + all.chip_write_bytes, channels * pixels);
    } else {
      const std::int64_t row = std::get<MidapConfig>(machine_.hardware().core).system_width;
      const TraceRow part = split(first, count, channels, 1, pixels);
      EXPECT_EQ(part.dram_write_bytes, (count + row - 1) / row * row * pixels);
      EXPECT_EQ(all.dram_write_bytes, (channels + row - 1) / row * row * pixels);
    }
  }
}

TEST_P(MovedChannelsTest, TwiceTheChannelsAreNotCheaper) {
  for (int i = 0; i < 20; ++i) {
    const std::int64_t channels = 2 * random_.between(1, 100);
    const std::int64_t size = random_.between(1, 28);
    SCOPED_TRACE(fmt::format("{} channels, {} pixels", channels, size * size));
    EXPECT_LE(shuffle(2, channels, size, size).compute_cycles,
              shuffle(2, 2 * channels, size, size).compute_cycles);
    EXPECT_LE(split(0, channels / 2, channels, size, size).compute_cycles,
              split(0, channels, 2 * channels, size, size).compute_cycles);
  }
}

// Two rows of 64 channels and more, which MIDAP could not read as one.
TEST_P(MovedChannelsTest, HalfOfTheChannelsAreCheaperThanAllOfThem) {
  if (is_tiled()) GTEST_SKIP() << "a split takes no time";
  for (int i = 0; i < 20; ++i) {
    const std::int64_t channels = 128 * random_.between(1, 4);
    const std::int64_t size = random_.between(7, 28);
    SCOPED_TRACE(fmt::format("{} channels, {} pixels", channels, size * size));
    const std::int64_t all = shuffle(2, channels, size, size).compute_cycles;
    EXPECT_LT(split(0, channels / 2, channels, size, size).compute_cycles, all);
    EXPECT_LT(split(channels / 2, channels / 2, channels, size, size).compute_cycles, all);
  }
}

TEST_P(MovedChannelsTest, GroupsDoNotChangeWhatAShuffleCosts) {
  const TraceRow two = shuffle(2, 120, 14, 14);
  for (const std::int64_t groups : {3, 4, 60, 120}) {
    const TraceRow more = shuffle(groups, 120, 14, 14);
    EXPECT_EQ(more.total_cycles, two.total_cycles);
    EXPECT_EQ(more.dram_read_bytes, two.dram_read_bytes);
    EXPECT_EQ(more.dram_write_bytes, two.dram_write_bytes);
  }
}

INSTANTIATE_TEST_SUITE_P(Machines, MovedChannelsTest, ::testing::ValuesIn(shipped_machine_names()),
                         [](const auto& param) { return param.param; });

}  // namespace
}  // namespace tilewake
