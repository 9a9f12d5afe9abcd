// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <torch/torch.h>

#include "nas/data/image_source.hpp"
#include "nas/recipe/recipe.hpp"
#include "nas/space/operator_space.hpp"
#include "nas/space/search_space.hpp"

namespace tilewake {

/// How a network is found. The first two search MixConv blocks with a differentiable supernet, the
/// next three operators (nas/space/operator_space.hpp); the last two are networks of others, scaled
/// to the limit.
enum class Method {
  kS3nas,
  kFlops,  // S3NAS that knows multiply-accumulates in place of latency; then scaled to the limit
  kHurricane,  // one-shot supernet and evolution in two stages, later positions first
  kSpos,       // the same in one stage
  kRandom,     // random networks of the operators' space, ranked by short training
  kMobilenetV2,
  kEfficientnetLite
};

inline constexpr std::array<std::pair<std::string_view, Method>, 7> kMethodNames = {{
    {"s3nas", Method::kS3nas},
    {"flops", Method::kFlops},
    {"hurricane", Method::kHurricane},
    {"spos", Method::kSpos},
    {"random", Method::kRandom},
    {"mobilenet_v2", Method::kMobilenetV2},
    {"efficientnet_lite", Method::kEfficientnetLite},
}};

/// Whether it searches a space of operators.
constexpr bool uses_operators(Method method) {
  return method == Method::kHurricane || method == Method::kSpos || method == Method::kRandom;
}

/// Whether it is a network of others, and nothing is searched.
constexpr bool is_published(Method method) {
  return method == Method::kMobilenetV2 || method == Method::kEfficientnetLite;
}

/// The steps of a run, in order. A run ends with one of them.
enum class Step { kDesign, kSupergraph, kSearch, kScale, kPostprocess, kTrain, kEvaluate };

/// Everything that decides what a run comes to, with the machine of its Host.
struct RunConfig {
  std::string machine;  // machine_id()
  Method method = Method::kS3nas;
  SearchSpace space;  // as given; its depths may be missing. Where operators are searched, and for
                      // networks of others, only what it says of input, classes and limits holds.
  OperatorSpace operators;  // as given: where it has the whole pool, one is made for the machine
  Recipe recipe;
  ImageData data;
  std::vector<double> targets_ms;  // at least one, ascending
  std::uint64_t seed = 1;
  int num_random = 0;      // random networks of the same latency, trained alike, to compare with
  int num_correlated = 0;  // networks whose accuracy in a one-shot supernet is compared with that
                           // of short training

  // These do not decide it, but for rounding.
  torch::Device device = torch::kCPU;
  bool mixed_precision = false;
  int num_loader_threads = 1;
  std::string directory;
};

}  // namespace tilewake
