// SPDX-License-Identifier: Apache-2.0
#include "nas/training/batch_statistics.hpp"

#include <algorithm>
#include <memory>

namespace tilewake {

BatchStatistics::BatchStatistics(torch::nn::Module& module) {
  for (const std::shared_ptr<torch::nn::Module>& part : module.modules(/*include_self=*/false)) {
    if (auto* layer = part->as<torch::nn::BatchNorm2dImpl>()) {
      layers_.push_back({layer, layer->options.momentum().value()});
    }
  }
}

BatchStatistics::~BatchStatistics() {
  for (const Layer& layer : layers_) layer.module->options.momentum(layer.momentum);
}

void BatchStatistics::begin_step(std::int64_t step) {
  const double share = 9.0 / (10.0 + static_cast<double>(step));
  for (const Layer& layer : layers_) {
    layer.module->options.momentum(std::max(layer.momentum, share));
  }
}

}  // namespace tilewake
