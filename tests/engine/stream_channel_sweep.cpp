// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "simulator/engine/memory/stream_channel.hpp"
#include "tests/engine/random_dram.hpp"
#include "tests/engine/slow_dram.hpp"
#include "tests/support/sanitizer.hpp"

namespace tilewake {
namespace {

/// Streams, jumps, turns of direction, pauses shorter and far longer than a refresh interval.
void expect_equal_runs(std::uint64_t seed) {
  Random random(seed);
  const BankedDramConfig config = random_dram(random);
  StreamChannel fast(config);
  SlowDram slow(config);
  const std::int64_t capacity = config.channel_bytes() / config.burst_bytes();
  const bool is_random = random.one_in(2);
  const std::int64_t longest = random.pick<std::int64_t>({1, 10, 70, 150});
  std::int64_t address = random.between(0, capacity - 1);
  std::int64_t now = 0;
  bool write = false;
  std::int64_t left = random.between(50, 250);
  while (left > 0) {
    if (random.one_in(3)) write = !write;
    if (is_random || random.one_in(6)) address = random.between(0, capacity - 1);
    if (random.one_in(4)) now += random.between(0, 200);
    if (random.one_in(12)) now += random.between(0, 6 * config.device.timings.t_refi);
    const std::int64_t count = random.between(1, longest);
    const ChannelRun a = fast.run(address, count, write, now);
    const ChannelRun b = slow.run(address, count, write, now);
    ASSERT_EQ(a.data_begin, b.data_begin);
    ASSERT_EQ(a.data_end, b.data_end);
    ASSERT_EQ(a.row_hits, b.row_hits);
    ASSERT_EQ(a.row_misses, b.row_misses);
    ASSERT_EQ(a.row_hits + a.row_misses, count);
    address = (address + count) % capacity;
    left -= count;
    if (random.one_in(3)) now = std::max(now, a.data_end);
  }
  const std::int64_t end = fast.timing().data_end();
  ASSERT_EQ(fast.timing().num_refreshes(end), slow.num_refreshes(end));
}

TEST(StreamChannelSweep, EqualsTheSlowModel) {
  for (int seed = 0; seed < num_cases(4000); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    ASSERT_NO_FATAL_FAILURE(expect_equal_runs(static_cast<std::uint64_t>(seed)));
  }
}

/// Long runs pass rows and refreshes as streams; single bursts never do.
void expect_long_runs_equal_single_bursts(std::uint64_t seed) {
  Random random(seed);
  BankedDramConfig config = random_dram(random);
  if (random.one_in(2)) {
    config.device = random.pick(dram_presets()).second;
    config.num_ranks = random.one_in(4) ? 2 : 1;
  } else {
    config.device.num_columns *= 16;
  }
  StreamChannel whole(config);
  StreamChannel single(config);
  const std::int64_t capacity = config.channel_bytes() / config.burst_bytes();
  std::int64_t address = random.between(0, capacity - 1);
  std::int64_t now = 0;
  for (int i = 0; i < 20; ++i) {
    const bool write = random.one_in(3);
    if (random.one_in(2)) address = random.between(0, capacity - 1);
    std::int64_t count = random.between(1, random.pick<std::int64_t>({3, 65, 300, 4000}));
    // To the last bursts of a row, so that the next run enters one soon.
    const std::int64_t row = config.interleaved_groups() * config.bursts_per_row();
    if (random.one_in(3)) count += 2 * row - (address + count) % row - random.between(0, 8);
    RunMarks marks;
    if (count > 2 && random.one_in(2)) {
      marks.bursts[0] = random.between(1, count - 1);
      marks.bursts[1] = random.between(marks.bursts[0] + 1, count);
    }
    const ChannelRun a = whole.run(address, count, write, now, marks);
    ChannelRun b;
    for (std::int64_t k = 0; k < count; ++k) {
      const ChannelRun burst = single.run(address + k, 1, write, now);
      if (k == 0) b.data_begin = burst.data_begin;
      b.data_end = burst.data_end;
      b.row_hits += burst.row_hits;
      b.row_misses += burst.row_misses;
      for (std::size_t m = 0; m < 2; ++m)
        if (marks.bursts[m] == k + 1) {
          ASSERT_EQ(marks.ends[m], burst.data_end);
        }
    }
    ASSERT_EQ(a.data_begin, b.data_begin);
    ASSERT_EQ(a.data_end, b.data_end);
    ASSERT_EQ(a.row_hits, b.row_hits);
    ASSERT_EQ(a.row_misses, b.row_misses);
    ASSERT_EQ(whole.timing().num_activates(), single.timing().num_activates());
    // The next run may repeat the last burst, as pieces of an unaligned transfer do.
    address = (address + count - (random.one_in(2) ? 1 : 0)) % capacity;
    if (random.one_in(2)) now = a.data_end - random.between(0, 200);
    now = std::max<std::int64_t>(now, 0);
    if (random.one_in(6)) now = a.data_end + random.between(0, 3 * config.device.timings.t_refi);
  }
}

TEST(StreamChannelSweep, LongRunsEqualSingleBursts) {
  for (int seed = 0; seed < num_cases(1500); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    ASSERT_NO_FATAL_FAILURE(expect_long_runs_equal_single_bursts(static_cast<std::uint64_t>(seed)));
  }
}

}  // namespace
}  // namespace tilewake
