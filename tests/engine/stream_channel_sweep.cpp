// SPDX-License-Identifier: Apache-2.0
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

}  // namespace
}  // namespace tilewake
