// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "simulator/engine/memory/banked_controller.hpp"
#include "simulator/engine/memory/measure_stream.hpp"
#include "simulator/engine/memory/memory_controller.hpp"
#include "simulator/engine/memory/simple_controllers.hpp"
#include "simulator/engine/memory/stream_channel.hpp"
#include "simulator/hardware/banked_dram_config.hpp"
#include "tests/engine/random_dram.hpp"
#include "tests/support/random.hpp"
#include "tests/support/sanitizer.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

constexpr std::uint64_t kNumSeeds = num_cases(40);
constexpr DramScheduling kBoth[] = {DramScheduling::kInOrder, DramScheduling::kFrFcfs};

BankedDramConfig preset(std::string_view name, DramScheduling scheduling,
                        std::int64_t num_channels = 1) {
  BankedDramConfig c;
  for (const auto& [candidate, device] : dram_presets())
    if (candidate == name) c.device = device;
  c.num_channels = num_channels;
  c.num_ranks = 1;
  c.interleave_bytes = 512;
  c.scheduling = scheduling;
  c.npu_clock_mhz = 1000;
  return c;
}

struct Served {
  std::int64_t submitted = 0;
  MemoryRequest request;
  MemoryCompletion completion;
};

/// Random requests with pauses; follows the cycles that advance() names. Checks that nothing
/// completes late or twice.
std::vector<Served> serve_at_random(MemoryController& memory, std::uint64_t seed, int count) {
  Random random(seed);
  std::map<std::int64_t, Served> served;
  std::vector<MemoryCompletion> completed;
  std::int64_t now = 0;
  const auto advance = [&] {
    completed.clear();
    const std::int64_t next = memory.advance(now, completed);
    EXPECT_GT(next, now);
    for (const MemoryCompletion& c : completed) {
      EXPECT_LE(c.end, now);
      EXPECT_EQ(served.at(c.id).completion.end, -1) << "completed twice";
      served.at(c.id).completion = c;
    }
    return next;
  };
  for (int i = 0; i < count; ++i) {
    if (random.one_in(4)) now += random.between(0, 3000);
    std::int64_t next = advance();
    while (!memory.can_accept(now)) {
      now = next;
      next = advance();
    }
    const std::int64_t bytes =
        random.one_in(20) ? 0 : random.between(1, memory.max_request_bytes());
    const MemoryRequest request{i, random.one_in(3), random.between(0, 1 << 20), bytes};
    served[i] = {now, request, {i, 0, -1}};
    memory.submit(request, now);
  }
  for (std::int64_t next = advance(); next != MemoryController::kNever; next = advance())
    now = next;
  std::vector<Served> result;
  for (const auto& [id, s] : served) result.push_back(s);
  return result;
}

TEST(MemoryControllersTest, EveryRequestIsServedOnceAndMovesItsBytes) {
  for (std::uint64_t seed = 0; seed < kNumSeeds; ++seed) {
    for (const DramScheduling scheduling : kBoth) {
      Random random(seed);
      BankedDramConfig config = random_dram(random);
      config.scheduling = scheduling;
      config.num_channels = random.between(1, 5);
      config.interleave_bytes = config.burst_bytes() * random.between(1, 8);
      config.npu_clock_mhz = random.pick<double>({250.0, 1000.0, 1333.3, 3210.0});
      SCOPED_TRACE(fmt::format("seed {}, {}", seed, to_string(scheduling)));
      const auto memory = make_memory_controller(config);
      const double bytes_per_cycle = config.peak_bytes_per_cycle();
      std::int64_t bytes = 0;
      std::int64_t end = 0;
      for (const Served& s : serve_at_random(*memory, seed, 60)) {
        const MemoryCompletion& c = s.completion;
        ASSERT_GE(c.end, 0) << "never completed";
        bytes += s.request.bytes;
        end = std::max(end, c.end);
        if (s.request.bytes == 0) {
          ASSERT_EQ(c.begin, s.submitted);
          ASSERT_EQ(c.end, s.submitted);
          continue;
        }
        ASSERT_GT(c.begin, s.submitted - 1);
        ASSERT_LT(c.begin, c.end);
        // Each burst with any of its bytes, once.
        const std::int64_t first = s.request.address / config.burst_bytes();
        const std::int64_t last = (s.request.address + s.request.bytes - 1) / config.burst_bytes();
        ASSERT_EQ(c.row_hits + c.row_misses, last - first + 1);
      }
      ASSERT_GE(static_cast<double>(end) * bytes_per_cycle, static_cast<double>(bytes));
    }
  }
}

/// Transfers of all lengths, streams and jumps, with pauses; sorted by arrival.
struct Arrival {
  std::int64_t time = 0;
  MemoryRequest transfer;
};
std::vector<Arrival> random_transfers(Random& random, const BankedDramConfig& config,
                                      std::int64_t piece_bytes) {
  const std::int64_t capacity = config.num_channels * config.channel_bytes();
  const std::int64_t unit = random.pick<std::int64_t>({1, config.burst_bytes(), piece_bytes});
  const std::int64_t longest = random.pick<std::int64_t>({1, 8, 60}) * piece_bytes;
  std::vector<Arrival> result;
  std::int64_t now = 0;
  std::int64_t address = 0;
  bool write = false;
  for (std::int64_t id = 0; id < 40; ++id) {
    if (random.one_in(2)) now += random.between(0, random.pick<std::int64_t>({10, 1000, 100'000}));
    if (random.one_in(3)) address = random.between(0, capacity) / unit * unit;
    if (random.one_in(4)) write = !write;
    const std::int64_t bytes = random.one_in(10) ? 0 : random.between(1, longest) / unit * unit;
    result.push_back({now, {id, write, address, bytes}});
    address += bytes;
  }
  return result;
}

/// The law of TransferDma without urgent transfers, piece by piece.
std::vector<MemoryCompletion> serve_in_pieces(MemoryController& memory,
                                              const std::vector<Arrival>& arrivals) {
  std::map<std::int64_t, MemoryCompletion> under_way;
  std::map<std::int64_t, std::int64_t> num_pieces;
  std::vector<MemoryCompletion> done;
  std::vector<MemoryCompletion> completed;
  std::size_t front = 0;
  std::int64_t handed_over = 0;  // bytes of the front
  std::int64_t now = 0;
  while (front < arrivals.size() || !under_way.empty()) {
    while (front < arrivals.size() && arrivals[front].time <= now) {
      const MemoryRequest& t = arrivals[front].transfer;
      if (t.bytes == 0) {
        done.push_back({t.id, now, now});
        ++front;
        continue;
      }
      if (!memory.can_accept(now)) break;
      const std::int64_t bytes = std::min(t.bytes - handed_over, memory.max_request_bytes());
      memory.submit({t.id, t.write, t.address + handed_over, bytes}, now);
      under_way.try_emplace(t.id, MemoryCompletion{t.id, -1});
      ++num_pieces[t.id];
      handed_over += bytes;
      if (handed_over < t.bytes) continue;
      handed_over = 0;
      ++front;
    }
    completed.clear();
    std::int64_t next = memory.advance(now, completed);
    for (const MemoryCompletion& piece : completed) {
      MemoryCompletion& whole = under_way.at(piece.id);
      if (whole.begin < 0) whole.begin = piece.begin;
      whole.end = piece.end;
      whole.row_hits += piece.row_hits;
      whole.row_misses += piece.row_misses;
      const bool is_front = front < arrivals.size() && arrivals[front].transfer.id == piece.id;
      if (--num_pieces[piece.id] > 0 || is_front) continue;
      done.push_back(whole);
      under_way.erase(piece.id);
    }
    if (front < arrivals.size() && arrivals[front].time > now)
      next = std::min(next, arrivals[front].time);
    if (next != MemoryController::kNever) now = next;
  }
  std::sort(done.begin(), done.end(),
            [](const MemoryCompletion& a, const MemoryCompletion& b) { return a.id < b.id; });
  return done;
}

std::vector<MemoryCompletion> serve_whole(MemoryController& memory,
                                          const std::vector<Arrival>& arrivals) {
  EXPECT_TRUE(memory.can_serve_transfers());
  std::vector<MemoryCompletion> done;
  for (const Arrival& arrival : arrivals)
    done.push_back(memory.serve_transfer(arrival.transfer, arrival.time));
  EXPECT_EQ(memory.advance(std::int64_t{1} << 60, done), MemoryController::kNever);
  return done;
}

void expect_cycles_of_pieces(MemoryController& memory, const std::vector<Arrival>& transfers) {
  const auto slow = serve_in_pieces(memory, transfers);
  memory.reset();
  const auto fast = serve_whole(memory, transfers);
  ASSERT_EQ(fast.size(), slow.size());
  for (std::size_t i = 0; i < slow.size(); ++i) {
    ASSERT_EQ(fast[i].id, slow[i].id) << i;
    ASSERT_EQ(fast[i].begin, slow[i].begin) << i;
    ASSERT_EQ(fast[i].end, slow[i].end) << i;
    ASSERT_EQ(fast[i].row_hits, slow[i].row_hits) << i;
    ASSERT_EQ(fast[i].row_misses, slow[i].row_misses) << i;
  }
}

TEST(MemoryControllersTest, ATransferTakesTheCyclesOfItsPieces) {
  const auto presets = dram_presets();
  for (std::uint64_t seed = 0; seed < 5 * kNumSeeds; ++seed) {
    Random random(seed);
    BankedDramConfig config = random_dram(random);
    if (random.one_in(2)) {
      config.device = presets[random.below(presets.size())].second;
      config.num_ranks = random.between(1, 2);
    }
    config.num_channels = random.between(1, 5);
    config.interleave_bytes =
        config.burst_bytes() * random.pick<std::int64_t>({1, 2, 3, 4, 16, 64, 100, 256});
    config.npu_clock_mhz = random.pick<double>({250.0, 1000.0, 1333.3, 3210.0});
    if (random.one_in(4)) config.device.timings.t_cl = random.between(50, 1500);
    const auto memory = make_memory_controller(config);
    const auto transfers = random_transfers(random, config, memory->max_request_bytes());
    SCOPED_TRACE(fmt::format("seed {}", seed));
    expect_cycles_of_pieces(*memory, transfers);
  }
}

TEST(MemoryControllersTest, ATransferTakesTheCyclesOfItsPiecesWithoutBanks) {
  const DramConfig dram = shipped_machine("midap").dram;
  for (std::uint64_t seed = 0; seed < kNumSeeds; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Random random(seed);
    const auto transfers = random_transfers(random, random_dram(random), 64);
    expect_cycles_of_pieces(*make_memory_controller(dram), transfers);
    expect_cycles_of_pieces(*make_memory_controller(IdealDramConfig{}), transfers);
    PortController port(random.between(1, 64));
    expect_cycles_of_pieces(port, transfers);
  }
}

TEST(MemoryControllersTest, RunsAfterResetAreEqual) {
  for (const DramScheduling scheduling : kBoth) {
    const auto memory = make_memory_controller(preset("LPDDR4-3200", scheduling, 2));
    const auto first = serve_at_random(*memory, 1, 300);
    memory->submit({0, true, 12345, 4000}, 1 << 22);
    memory->reset();
    EXPECT_EQ(memory->num_refreshes(0), 0);
    const auto second = serve_at_random(*memory, 1, 300);
    for (std::size_t i = 0; i < first.size(); ++i) {
      ASSERT_EQ(first[i].completion.begin, second[i].completion.begin);
      ASSERT_EQ(first[i].completion.end, second[i].completion.end);
      ASSERT_EQ(first[i].completion.row_hits, second[i].completion.row_hits);
    }
  }
}

TEST(MemoryControllersTest, ARequestToAnIdleMemoryTakesItsLatencyInNpuCycles) {
  for (const DramScheduling scheduling : kBoth) {
    for (const double npu_clock_mhz : {1000.0, 1600.0, 333.0}) {
      BankedDramConfig config = preset("LPDDR4-3200", scheduling);
      config.npu_clock_mhz = npu_clock_mhz;
      const DramTimings& t = config.device.timings;
      const auto memory = make_memory_controller(config);
      const std::int64_t now = 777;
      std::vector<MemoryCompletion> completed;
      memory->submit({5, false, 0, 256}, now);
      for (std::int64_t at = now; completed.empty();) at = memory->advance(at, completed);
      ASSERT_EQ(completed.size(), 1U);
      EXPECT_EQ(completed[0].id, 5);
      const double ratio = npu_clock_mhz / 1600.0;
      const auto arrive = static_cast<std::int64_t>(std::ceil(now / ratio - 1e-9));
      const std::int64_t data = arrive + 1 + t.t_rcd + t.t_cl;
      EXPECT_EQ(completed[0].begin, std::floor(static_cast<double>(data) * ratio + 1e-9));
      EXPECT_EQ(completed[0].end, std::ceil(static_cast<double>(data + 8 * 8) * ratio - 1e-9));
    }
  }
}

// A request passed in pieces, as the interface allows, equals one stream.
TEST(MemoryControllersTest, PiecesOfAStreamAreAsFastAsTheStream) {
  for (const auto& [name, device] : dram_presets()) {
    for (const DramScheduling scheduling : kBoth) {
      SCOPED_TRACE(fmt::format("{} {}", name, to_string(scheduling)));
      BankedDramConfig config = preset(name, scheduling);
      config.npu_clock_mhz = config.device.clock_mhz;
      StreamChannel channel(config);
      const std::int64_t bytes = 4 << 20;
      const auto whole = channel.run(0, bytes / config.burst_bytes(), false, 0);
      const auto pieces = measure_stream(config, StreamKind::kRead, bytes, 0);
      EXPECT_NEAR(static_cast<double>(pieces.cycles) / static_cast<double>(whole.data_end), 1.0,
                  0.005);
      EXPECT_EQ(pieces.num_refreshes, config.device.timings.t_refi > 0
                                          ? (pieces.cycles - 1) / config.device.timings.t_refi
                                          : 0);
    }
  }
}

TEST(MemoryControllersTest, ReorderedStreamsAreAsFastAsThoseInOrder) {
  for (const auto& entry : dram_presets()) {
    const auto name = entry.first;  // clang 14 captures no structured bindings
    for (const StreamKind kind : {StreamKind::kRead, StreamKind::kWrite, StreamKind::kAlternate}) {
      for (const std::int64_t channels : {1, 4}) {
        const auto cycles = [&](DramScheduling scheduling) {
          const BankedDramConfig config = preset(name, scheduling, channels);
          return static_cast<double>(measure_stream(config, kind, 1 << 20, 0).cycles);
        };
        EXPECT_LT(cycles(DramScheduling::kFrFcfs), 1.03 * cycles(DramScheduling::kInOrder))
            << name << " " << static_cast<int>(kind) << " " << channels;
      }
    }
  }
}

TEST(MemoryControllersTest, MoreChannelsAreAsMuchFaster) {
  for (const DramScheduling scheduling : kBoth) {
    const auto cycles = [&](std::int64_t channels) {
      return static_cast<double>(
          measure_stream(preset("HBM2-2000", scheduling, channels), StreamKind::kRead, 8 << 20, 0)
              .cycles);
    };
    for (const std::int64_t channels : {2, 4, 8})
      EXPECT_NEAR(cycles(1) / cycles(channels) / static_cast<double>(channels), 1.0, 0.02);
  }
}

// With 64 KiB of each of 16 channels in turn, up to 10^5 requests of 64 bytes are outstanding: a
// controller that visits them all for each request takes half a minute.
TEST(MemoryControllersTest, ShortRequestsAreServedInLinearTime) {
  BankedDramConfig config = preset("LPDDR4-3200", DramScheduling::kInOrder, 16);
  config.interleave_bytes = 65536;
  const auto in_order = measure_stream(config, StreamKind::kStride, 64'000'000, 64);
  EXPECT_EQ(in_order.num_requests, 1'000'000);
  EXPECT_EQ(in_order.cycles, 4'107'980);
  EXPECT_EQ(in_order.row_misses, 1'001'392);
  EXPECT_EQ(in_order.num_refreshes, 16'832);
  // Ends of requests to an idle channel are before those of the channel that is busy.
  EXPECT_EQ(measure_stream(config, StreamKind::kAlternate, 64'000'000, 64).cycles, 1'654'666);

  config.scheduling = DramScheduling::kFrFcfs;
  const auto reordered = measure_stream(config, StreamKind::kStride, 6'400'000, 64);
  EXPECT_EQ(reordered.num_requests, 100'000);
  EXPECT_EQ(reordered.cycles, 117'447);
  EXPECT_EQ(reordered.row_misses, 18'992);
  EXPECT_EQ(reordered.num_refreshes, 480);
}

TEST(MemoryControllersTest, NoWriteIsStarvedByReadsNorAReadByWrites) {
  const BankedDramConfig config = preset("DDR4-3200", DramScheduling::kFrFcfs);
  for (const bool odd_one_writes : {true, false}) {
    const auto memory = make_memory_controller(config);
    std::vector<MemoryCompletion> completed;
    memory->submit({0, odd_one_writes, 1 << 20, 64}, 0);
    std::int64_t now = 0;
    std::int64_t id = 1;
    const auto is_served = [&] {
      return std::any_of(completed.begin(), completed.end(),
                         [](const MemoryCompletion& c) { return c.id == 0; });
    };
    while (!is_served() && now < 100'000) {
      const std::int64_t next = memory->advance(now, completed);
      if (memory->can_accept(now))
        memory->submit({id++, !odd_one_writes, 4096 * id, 4096}, now);
      else
        now = next;
    }
    EXPECT_LT(now, 20'000);
  }
}

TEST(ChannelInterleaveTest, EveryByteIsInOneChannel) {
  Random random(3);
  for (int i = 0; i < 2000; ++i) {
    BankedDramConfig config = random_dram(random);
    config.num_channels = random.between(1, 6);
    config.interleave_bytes = config.burst_bytes() * random.between(1, 5);
    const ChannelInterleave interleave(config);
    const std::int64_t bursts = random.between(0, 60);
    const std::int64_t address = config.burst_bytes() * random.between(0, 200);
    std::int64_t sum = 0;
    for (std::int64_t channel = 0; channel < config.num_channels; ++channel)
      sum += interleave.bursts_in(channel, address, bursts * config.burst_bytes()).count;
    ASSERT_EQ(sum, bursts);
  }
}

TEST(ClockRatioTest, ConvertsWithoutDrift) {
  const ClockRatio to_dram(1000, 1200);  // 833.33 ps
  const ClockRatio to_npu(1200, 1000);
  EXPECT_EQ(to_dram.floor(5), 6);
  EXPECT_EQ(to_dram.ceil(5), 6);
  EXPECT_EQ(to_dram.floor(4), 4);
  EXPECT_EQ(to_dram.ceil(4), 5);
  EXPECT_EQ(to_npu.ceil(7), 6);
  const std::int64_t far = (std::int64_t{1} << 48) / 5 * 5;
  EXPECT_EQ(to_dram.floor(far), far / 5 * 6);
  EXPECT_EQ(to_npu.ceil(far / 5 * 6), far);
}

TEST(ClockRatioTest, ThereAndBackIsNeverEarlier) {
  Random random(4);
  for (int i = 0; i < 20000; ++i) {
    const double npu = static_cast<double>(random.between(1, 4000)) + 0.5;
    const double dram = static_cast<double>(random.between(10, 4000)) / 3.0;
    const ClockRatio to_dram(npu, dram);
    const ClockRatio to_npu(dram, npu);
    const std::int64_t now = random.between(0, std::int64_t{1} << 40);
    ASSERT_GE(to_npu.ceil(to_dram.ceil(now)), now);
    ASSERT_LE(to_npu.floor(to_dram.floor(now)), now);
    ASSERT_LE(to_dram.ceil(now) - to_dram.floor(now), 1);
    ASSERT_NEAR(static_cast<double>(to_dram.floor(now)), static_cast<double>(now) * dram / npu,
                1.0 + static_cast<double>(now) * 1e-6);
  }
}

}  // namespace
}  // namespace tilewake
