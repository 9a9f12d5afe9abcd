// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "nas/network/channel_shuffle.hpp"

// Two halves of a feature map shuffled into one, forward and backward, by the own loop and by the
// library's operations. "Items" are images.

namespace tilewake {
namespace {

using torch::Tensor;

constexpr std::int64_t kNumImages = 64;

Tensor by_library(const Tensor& first, const Tensor& second) {
  const Tensor nhwc = torch::cat({first, second}, 1).permute({0, 2, 3, 1});
  const Tensor shuffled = nhwc.unflatten(3, {2, first.size(1)}).transpose(3, 4);
  return shuffled.flatten(3).permute({0, 3, 1, 2});
}

using Shuffle = Tensor (*)(const Tensor&, const Tensor&);

void shuffle(benchmark::State& state, std::int64_t channels, std::int64_t side, Shuffle run) {
  const auto half = [&] {
    return torch::randn({kNumImages, channels / 2, side, side})
        .contiguous(torch::MemoryFormat::ChannelsLast)
        .requires_grad_();
  };
  const Tensor first = half();
  const Tensor second = half();
  const Tensor gradient = torch::ones_like(run(first, second));
  for (auto _ : state) {
    const Tensor both = run(first, second);
    benchmark::DoNotOptimize(torch::autograd::grad({both}, {first, second}, {gradient}));
  }
  state.SetItemsProcessed(state.iterations() * kNumImages);
}

const bool kRegistered = [] {
  for (const auto& [channels, side] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{32, 28}, {64, 14}, {160, 7}}) {
    const std::string size = std::to_string(side);
    const std::string name = "shuffle/" + std::to_string(channels) + "x" + size + "x" + size + "/";
    const auto add = [&, c = channels, s = side](const std::string& how, Shuffle run) {
      benchmark::RegisterBenchmark((name + how).c_str(), [c, s, run](benchmark::State& state) {
        shuffle(state, c, s, run);
      })->Unit(benchmark::kMillisecond);
    };
    add("library", by_library);
    add("own", concat_and_shuffle);
  }
  return true;
}();

}  // namespace
}  // namespace tilewake
