// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "nas/network/normalization.hpp"

// Batch normalisation with its activation, forward and all gradients in training, by the own loops
// and by the library's operations. "Items" are images.

namespace tilewake {
namespace {

using torch::Tensor;

constexpr std::int64_t kNumImages = 128;

using Normalize = Tensor (*)(torch::nn::BatchNorm2d&, const Tensor&, const Tensor&, const Tensor&,
                             Activation);

void normalize(benchmark::State& state, std::int64_t channels, std::int64_t side,
               Activation activation, Normalize run) {
  torch::nn::BatchNorm2d bn = batch_norm(static_cast<int>(channels));
  const Tensor x = torch::randn({kNumImages, channels, side, side})
                       .contiguous(torch::MemoryFormat::ChannelsLast)
                       .requires_grad_();
  const Tensor gradient = torch::randn_like(x);
  for (auto _ : state) {
    const Tensor y = run(bn, x, bn->weight, bn->bias, activation);
    benchmark::DoNotOptimize(torch::autograd::grad({y}, {x, bn->weight, bn->bias}, {gradient}));
  }
  state.SetItemsProcessed(state.iterations() * kNumImages);
}

const bool kRegistered = [] {
  for (const auto& [channels, side] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{96, 28}, {144, 14}, {384, 7}}) {
    const std::string size = std::to_string(side);
    const std::string map = std::to_string(channels) + "x" + size + "x" + size;
    for (const auto& [name, activation] :
         std::vector<std::pair<std::string, Activation>>{{"none", Activation::kNone},
                                                         {"relu", Activation::kRelu},
                                                         {"hswish", Activation::kHswish}}) {
      const auto add = [&, c = channels, s = side, a = activation](const std::string& how,
                                                                   Normalize run) {
        const std::string full = "normalization/" + map + "/" + name + "/" + how;
        benchmark::RegisterBenchmark(full.c_str(), [c, s, a, run](benchmark::State& state) {
          normalize(state, c, s, a, run);
        })->Unit(benchmark::kMillisecond);
      };
      add("library", normalize_by_library);
      add("own", normalize_and_activate);
    }
  }
  return true;
}();

}  // namespace
}  // namespace tilewake
