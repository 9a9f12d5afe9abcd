// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <torch/torch.h>

#include "nas/training/state_archive.hpp"

namespace tilewake {

/// Exponential moving average of a module's parameters and floating-point buffers (batch
/// statistics), with decay min(d, (1 + n) / (10 + n)) at update n (TensorFlow's
/// ExponentialMovingAverage with num_updates).
class Ema {
 public:
  /// With `decay` 0 it does nothing, and the average is the module itself.
  Ema(const torch::nn::Module& module, double decay);

  void update();  // from the module's current values

  /// Exchanges the module's values with the averages: call it before and after an evaluation.
  void swap();

  void save(StateArchive& archive) const;
  void load(const StateArchive& archive);

 private:
  std::vector<torch::Tensor> values_;  // of the module
  std::vector<torch::Tensor> averages_;
  double decay_;
  std::int64_t num_updates_ = 0;
};

}  // namespace tilewake
