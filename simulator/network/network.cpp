// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/network.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "simulator/network/limits.hpp"
#include "simulator/network/shape_inference.hpp"

namespace tilewake {

std::int64_t Network::num_macs() const {
  std::int64_t sum = 0;
  for (const Layer& layer : layers) sum += layer.num_macs();
  return batch * sum;
}

std::int64_t Network::num_params() const {
  std::int64_t sum = 0;
  for (const Layer& layer : layers) sum += layer.num_params();
  return sum;
}

void set_batch(Network& network, std::int64_t batch) {
  if (batch < 1 || batch > kMaxBatch)
    throw LayerError("batch", fmt::format("must be from 1 to {}, not {}", kMaxBatch, batch));
  std::int64_t largest = network.input.num_elements();
  std::int64_t macs = 0;
  for (const Layer& layer : network.layers) {
    largest = std::max(largest, layer.ofm.num_elements());
    macs += layer.num_macs();
  }
  if (largest > kMaxFeatureMap / batch) {
    throw LayerError("batch", fmt::format("{} images have a feature map of more than {} elements",
                                          batch, kMaxFeatureMap));
  }
  if (macs > kMaxMacs / batch) {
    throw LayerError("batch", fmt::format("{} images need more than {} MACs", batch, kMaxMacs));
  }
  network.batch = batch;
}

}  // namespace tilewake
