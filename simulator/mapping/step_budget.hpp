// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "simulator/hardware/dram_config.hpp"

namespace tilewake {

/// About a minute of simulation on one core; a large GEMM (262,144 x 16,384 x 4,096 on
/// `tpu_like_128`) takes a third of it, ResNet-50 some thousands.
inline constexpr std::int64_t kDefaultMaxSteps = 100'000'000;

/// Bounds of the work on one network, who watches it, and which inference it is.
struct MappingOptions {
  std::int64_t max_steps = kDefaultMaxSteps;
  std::string hint;  // ends the error message of a network that exceeds them
  /// Called before each layer is mapped.
  std::function<void(const std::string& layer, std::size_t index, std::size_t num_layers)> on_layer;
  /// The first inference, in which weights that stay on chip come from DRAM.
  bool cold = false;
};

/// Estimates what a simulation costs, layer by layer while it is planned, and refuses what would
/// take too long.
///
/// A step is a few tenths of a microsecond of one core: one tile that is computed, one piece of 4
/// KiB that is moved from or to banked DRAM (one burst where the controller reorders). The mappers
/// express other work in it.
class StepBudget {
 public:
  explicit StepBudget(const MappingOptions& options) : options_(options) {}

  /// Throws InputError naming the layer once the sum exceeds the bound.
  void spend(const std::string& layer, double steps);

 private:
  const MappingOptions& options_;
  double spent_ = 0.0;
};

/// Bytes that DRAM moves in a step; infinite for models that serve a request of any size in one.
double dram_step_bytes(const DramConfig& dram);

}  // namespace tilewake
