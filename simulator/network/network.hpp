// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "simulator/network/layer.hpp"

namespace tilewake {

/// A CNN: a directed acyclic graph of layers in topological order (inputs of a layer precede it),
/// with one input feature map. Immutable once read.
struct Network {
  std::string name;
  Shape input;
  std::vector<Layer> layers;
  /// Images of one inference. Shapes, and the figures of a Layer, are those of one image.
  std::int64_t batch = 1;

  /// Output shape of `index` (a layer, or kNetworkInput).
  const Shape& shape_of(int index) const {
    return index == kNetworkInput ? input : layers[static_cast<std::size_t>(index)].ofm;
  }
  std::int64_t num_macs() const;  // of all images
  std::int64_t num_params() const;
};

/// Sets the images of one inference. Throws LayerError at the key `batch` if the number is not from
/// 1 to kMaxBatch, or feature maps or MACs of all images exceed network/limits.hpp.
void set_batch(Network& network, std::int64_t batch);

}  // namespace tilewake
