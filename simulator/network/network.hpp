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

  /// Output shape of `index` (a layer, or kNetworkInput).
  const Shape& shape_of(int index) const {
    return index == kNetworkInput ? input : layers[static_cast<std::size_t>(index)].ofm;
  }
  std::int64_t num_macs() const;
  std::int64_t num_params() const;
};

}  // namespace tilewake
