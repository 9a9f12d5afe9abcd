// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "simulator/network/network.hpp"

namespace tilewake {

/// The layer with rows and columns swapped: maps, windows and paddings.
inline Layer transposed_layer(Layer layer) {
  std::swap(layer.ifm.height, layer.ifm.width);
  std::swap(layer.ofm.height, layer.ofm.width);
  std::swap(layer.kernel_height, layer.kernel_width);
  std::swap(layer.stride.height, layer.stride.width);
  std::swap(layer.dilation.height, layer.dilation.width);
  std::swap(layer.padding.top, layer.padding.left);
  std::swap(layer.padding.bottom, layer.padding.right);
  return layer;
}

inline Network transposed_network(Network network) {
  std::swap(network.input.height, network.input.width);
  for (Layer& layer : network.layers) layer = transposed_layer(std::move(layer));
  return network;
}

}  // namespace tilewake
