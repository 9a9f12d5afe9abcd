// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/network/network.hpp"

namespace tilewake {

/// Every field of a layer on one line, so that two networks are equal when their texts are and a
/// failed comparison shows the difference. What only some ops have is left out at its default.
inline std::string text_of(const Layer& layer) {
  const auto shape = [](const Shape& s) {
    return fmt::format("{}x{}x{}", s.channels, s.height, s.width);
  };
  const auto steps = [](const Steps& s) {
    return s.are_equal() ? fmt::format("{}", s.height) : fmt::format("{}x{}", s.height, s.width);
  };
  const Padding& p = layer.padding;
  const std::string from =
      layer.first_channel == 0 ? "" : fmt::format(" from {}", layer.first_channel);
  std::string text = fmt::format(
      "{} [{}] {} {} inputs {} ifm {} ofm {} kernel {}x{} stride {} dilation {} "
      "groups {}{} padding {} {} {} {} bias {}",
      layer.name, layer.block, to_string(layer.op), to_string(layer.activation), layer.inputs,
      shape(layer.ifm), shape(layer.ofm), layer.kernel_height, layer.kernel_width,
      steps(layer.stride), steps(layer.dilation), layer.groups, from, p.top, p.left, p.bottom,
      p.right, layer.bias);
  if (layer.transposed) text += " transposed";
  if (layer.axis != Axis::kChannels) text += fmt::format(" axis {}", to_string(layer.axis));
  if (layer.extent != 1) text += fmt::format(" extent {}", layer.extent);
  if (!layer.view.empty()) text += fmt::format(" view {} order {}", layer.view, layer.order);
  if (layer.weights_of >= 0) text += fmt::format(" weights of {}", layer.weights_of);
  if (layer.own_bias) text += " own bias";
  if (!layer.shift) text += " no shift";
  return text + "\n";
}

inline std::string text_of(const Network& network) {
  std::string text = fmt::format("{} {}x{}x{}\n", network.name, network.input.channels,
                                 network.input.height, network.input.width);
  if (network.batch != 1) text += fmt::format("batch {}\n", network.batch);
  for (const Layer& layer : network.layers) text += text_of(layer);
  return text;
}

/// The layer of that name; throws std::out_of_range when there is none.
inline const Layer& layer_of(const Network& network, const std::string& name) {
  std::size_t index = 0;
  while (index < network.layers.size() && network.layers[index].name != name) ++index;
  return network.layers.at(index);
}

}  // namespace tilewake
