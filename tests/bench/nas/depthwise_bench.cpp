// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "nas/network/depthwise.hpp"

// Depthwise convolutions of a batch, forward and both gradients, by the library and by the own
// kernels of each instruction set that the CPU has. "Items" are images.

namespace tilewake {
namespace {

using depthwise::SimdLevel;

constexpr std::int64_t kNumImages = 64;

struct Layer {
  std::int64_t channels;
  std::int64_t side;  // of the feature map
  int kernel;
  int stride;
};

void convolve(benchmark::State& state, const Layer& layer, SimdLevel level) {
  const torch::Tensor input = torch::randn({kNumImages, layer.channels, layer.side, layer.side})
                                  .contiguous(torch::MemoryFormat::ChannelsLast)
                                  .requires_grad_();
  const torch::Tensor weight =
      torch::randn({layer.channels, 1, layer.kernel, layer.kernel}).requires_grad_();
  torch::Tensor gradient;
  for (auto _ : state) {
    const torch::Tensor output = depthwise::mix_depthwise(input, {weight}, layer.stride, level);
    if (!gradient.defined()) gradient = torch::ones_like(output);
    benchmark::DoNotOptimize(torch::autograd::grad({output}, {input, weight}, {gradient}));
  }
  state.SetItemsProcessed(state.iterations() * kNumImages);
}

void add(const std::string& kernels, SimdLevel level, const Layer& layer) {
  const std::string side = std::to_string(layer.side);
  const std::string name = "depthwise/" + std::to_string(layer.channels) + "x" + side + "x" + side +
                           "/kernel:" + std::to_string(layer.kernel) +
                           "/stride:" + std::to_string(layer.stride) + "/" + kernels;
  benchmark::RegisterBenchmark(name.c_str(), [layer, level](benchmark::State& state) {
    convolve(state, layer, level);
  })->Unit(benchmark::kMillisecond);
}

// Feature maps of small images' networks. To measure another: one line here.
const std::vector<Layer> kMaps = {{96, 28, 0, 0}, {144, 14, 0, 0}, {384, 7, 0, 0}};

const bool kRegistered = [] {
  const SimdLevel best = depthwise::best_simd_level();
  for (Layer layer : kMaps) {
    for (const int kernel : {3, 5, 7}) {
      for (const int stride : {1, 2}) {
        layer.kernel = kernel;
        layer.stride = stride;
        add("library", SimdLevel::kNone, layer);
        if (best >= SimdLevel::kAvx2) add("avx2", SimdLevel::kAvx2, layer);
        if (best >= SimdLevel::kAvx512) add("avx512", SimdLevel::kAvx512, layer);
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace tilewake
