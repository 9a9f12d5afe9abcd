// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "simulator/engine/memory/frfcfs_channel.hpp"
#include "simulator/engine/memory/memory_controller.hpp"
#include "simulator/engine/memory/stream_channel.hpp"
#include "simulator/hardware/banked_dram_config.hpp"

// "Items" are bursts: accesses to the memory.

namespace tilewake {
namespace {

constexpr std::int64_t kBytes = 16 << 20;

BankedDramConfig channel_of(const DramDevice& device) {
  BankedDramConfig config;
  config.device = device;
  config.num_channels = config.num_ranks = 1;
  config.interleave_bytes = config.burst_bytes();
  config.npu_clock_mhz = 1000;
  return config;
}

void read_in_order(benchmark::State& state, const DramDevice& device) {
  const BankedDramConfig config = channel_of(device);
  const std::int64_t bursts = kBytes / config.burst_bytes();
  StreamChannel channel(config);
  for (auto _ : state) {
    channel.reset();
    benchmark::DoNotOptimize(channel.run(0, bursts, false, 0));
  }
  state.SetItemsProcessed(state.iterations() * bursts);
}

void read_reordered(benchmark::State& state, const DramDevice& device) {
  const BankedDramConfig config = channel_of(device);
  const std::int64_t bursts = kBytes / config.burst_bytes();
  FrFcfsChannel channel(config);
  std::vector<FrFcfsChannel::Issued> issued;
  for (auto _ : state) {
    channel.reset();
    issued.clear();
    channel.add(0, 0, bursts, false, 0);
    channel.advance(1'000'000'000, issued);
    benchmark::DoNotOptimize(issued.size());
  }
  state.SetItemsProcessed(state.iterations() * bursts);
}

/// Like a DMA: piece by piece, through the interface.
void read_pieces(benchmark::State& state, const DramDevice& device, DramScheduling scheduling) {
  BankedDramConfig config = channel_of(device);
  config.scheduling = scheduling;
  const auto memory = make_memory_controller(config);
  const std::int64_t piece = memory->max_request_bytes();
  std::vector<MemoryCompletion> completed;
  for (auto _ : state) {
    memory->reset();
    std::int64_t now = 0;
    for (std::int64_t address = 0; address < kBytes;) {
      const std::int64_t next = memory->advance(now, completed);
      if (!memory->can_accept(now)) {
        now = next;
        continue;
      }
      memory->submit({0, false, address, piece}, now);
      address += piece;
    }
    while (now != MemoryController::kNever) now = memory->advance(now, completed);
    benchmark::DoNotOptimize(completed.size());
    completed.clear();
  }
  state.SetItemsProcessed(state.iterations() * (kBytes / config.burst_bytes()));
}

const bool kRegistered = [] {
  for (const auto& [name, device] : dram_presets()) {
    const auto add = [preset = std::string(name)](const char* what, auto run) {
      benchmark::RegisterBenchmark((std::string(what) + "/" + preset).c_str(), run);
    };
    add("dram_in_order", [d = device](benchmark::State& s) { read_in_order(s, d); });
    add("dram_frfcfs", [d = device](benchmark::State& s) { read_reordered(s, d); });
    add("dram_pieces_in_order",
        [d = device](benchmark::State& s) { read_pieces(s, d, DramScheduling::kInOrder); });
    add("dram_pieces_frfcfs",
        [d = device](benchmark::State& s) { read_pieces(s, d, DramScheduling::kFrFcfs); });
  }
  return true;
}();

}  // namespace
}  // namespace tilewake
