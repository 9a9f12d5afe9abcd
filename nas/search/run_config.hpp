// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "nas/data/image_source.hpp"
#include "nas/recipe/recipe.hpp"
#include "nas/space/search_space.hpp"

namespace tilewake {

/// The steps of a run, in order. A run ends with one of them.
enum class Step { kDesign, kSupergraph, kSearch, kScale, kPostprocess, kTrain, kEvaluate };

/// Everything that decides what a run comes to, with the machine of its Host.
struct RunConfig {
  std::string machine;  // machine_id()
  SearchSpace space;    // as given; its depths may be missing
  Recipe recipe;
  ImageData data;
  std::vector<double> targets_ms;  // at least one, ascending
  std::uint64_t seed = 1;
  int num_random = 0;  // random networks of the same latency, trained alike, to compare with

  // These do not decide it, but for rounding.
  torch::Device device = torch::kCPU;
  bool mixed_precision = false;
  int num_loader_threads = 1;
  std::string directory;
};

}  // namespace tilewake
