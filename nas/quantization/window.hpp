// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "simulator/network/layer.hpp"

namespace tilewake {

// Maps of the executors lie in memory as rows x columns x channels (NHWC).

/// Calls f(tap, values) for each tap of the window of the output at (row, column), in order of
/// kernel row and column: `values` are the channels of that pixel of `map`, nullptr in the padding.
template <typename T, typename F>
void for_each_tap(const Layer& layer, const T* map, std::int64_t row, std::int64_t column, F f) {
  const Shape& in = layer.ifm;
  std::int64_t tap = 0;
  for (std::int64_t kh = 0; kh < layer.kernel_height; ++kh) {
    const std::int64_t h =
        row * layer.stride.height + kh * layer.dilation.height - layer.padding.top;
    for (std::int64_t kw = 0; kw < layer.kernel_width; ++kw, ++tap) {
      const std::int64_t w =
          column * layer.stride.width + kw * layer.dilation.width - layer.padding.left;
      const bool is_inside = h >= 0 && h < in.height && w >= 0 && w < in.width;
      f(tap, is_inside ? map + (h * in.width + w) * in.channels : nullptr);
    }
  }
}

/// Copies `channels` channels from `first_channel` of all taps to `patch`; zeros for the padding.
template <typename T>
void gather_window(const Layer& layer, const T* map, std::int64_t row, std::int64_t column,
                   std::int64_t first_channel, std::int64_t channels, T* patch) {
  for_each_tap(layer, map, row, column, [&](std::int64_t tap, const T* values) {
    T* const to = patch + tap * channels;
    if (values == nullptr)
      std::fill_n(to, channels, T{});
    else
      std::copy_n(values + first_channel, channels, to);
  });
}

/// Values of `weight` (a LayerWeight's order: out x channels x kh x kw, of a fully connected layer
/// out x channels x rows x columns) with the channels of a tap together: out x taps x channels.
template <typename To, typename From>
std::vector<To> with_channels_last(const std::vector<From>& weight, std::int64_t num_outputs,
                                   std::int64_t channels) {
  std::vector<To> sorted(weight.size());
  const std::int64_t products = static_cast<std::int64_t>(weight.size()) / num_outputs;
  const std::int64_t taps = products / channels;
  for (std::int64_t o = 0; o < num_outputs; ++o) {
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t t = 0; t < taps; ++t) {
        const From value = weight[static_cast<std::size_t>(o * products + c * taps + t)];
        sorted[static_cast<std::size_t>(o * products + t * channels + c)] =
            static_cast<To>(value);  // NOLINT(bugprone-signed-char-misuse)
      }
    }
  }
  return sorted;
}

/// The channel of the input that channel `c` of a channel_split or channel_shuffle is.
inline std::int64_t moved_from(const Layer& layer, std::int64_t c) {
  if (layer.op == Op::kChannelSplit) return layer.first_channel + c;
  return c % layer.groups * (layer.ifm.channels / layer.groups) + c / layer.groups;
}

}  // namespace tilewake
