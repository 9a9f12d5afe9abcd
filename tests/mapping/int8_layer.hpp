// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "simulator/network/layer.hpp"
#include "tests/support/random.hpp"

namespace tilewake {

/// A layer with weights, and random numbers for all of its operands.
struct Int8Layer {
  Layer layer;
  std::vector<std::int8_t> input;    // [ic][ih][iw]
  std::vector<std::int8_t> weights;  // [oc][ic / groups][kh][kw]

  Int8Layer(const Layer& l, Random& random) : layer(l) {
    input.resize(static_cast<std::size_t>(layer.ifm.num_elements()));
    weights.resize(static_cast<std::size_t>(layer.num_weights()));
    for (std::int8_t& value : input) value = static_cast<std::int8_t>(random.between(-128, 127));
    for (std::int8_t& value : weights) value = static_cast<std::int8_t>(random.between(-128, 127));
  }

  /// Zero in the padding.
  std::int8_t feature(std::int64_t channel, std::int64_t y, std::int64_t x) const {
    if (y < 0 || y >= layer.ifm.height || x < 0 || x >= layer.ifm.width) return 0;
    const std::int64_t index = (channel * layer.ifm.height + y) * layer.ifm.width + x;
    return input[static_cast<std::size_t>(index)];
  }

  std::int64_t groups() const {
    return layer.op == Op::kDepthwiseConv2d ? layer.ofm.channels : layer.groups;
  }
};

/// The layer by its definition: sums of [oc][oh][ow], without bias.
inline std::vector<std::int32_t> plain_convolution(const Int8Layer& data) {
  const Layer& l = data.layer;
  std::vector<std::int32_t> sums;
  if (l.op == Op::kFullyConnected) {
    for (std::int64_t o = 0; o < l.ofm.channels; ++o) {
      std::int32_t sum = 0;
      for (std::size_t i = 0; i < data.input.size(); ++i)
        sum += data.input[i] * data.weights[static_cast<std::size_t>(o) * data.input.size() + i];
      sums.push_back(sum);
    }
    return sums;
  }
  const std::int64_t channels_in = l.ifm.channels / data.groups();
  const std::int64_t channels_out = l.ofm.channels / data.groups();
  for (std::int64_t o = 0; o < l.ofm.channels; ++o)
    for (std::int64_t oy = 0; oy < l.ofm.height; ++oy)
      for (std::int64_t ox = 0; ox < l.ofm.width; ++ox) {
        std::int32_t sum = 0;
        auto weight = static_cast<std::size_t>(o * channels_in * l.kernel_height * l.kernel_width);
        for (std::int64_t i = 0; i < channels_in; ++i)
          for (std::int64_t ky = 0; ky < l.kernel_height; ++ky)
            for (std::int64_t kx = 0; kx < l.kernel_width; ++kx)
              sum += data.weights[weight++] *
                     data.feature(o / channels_out * channels_in + i,
                                  oy * l.stride.height - l.padding.top + ky * l.dilation.height,
                                  ox * l.stride.width - l.padding.left + kx * l.dilation.width);
        sums.push_back(sum);
      }
  return sums;
}

/// The layer as one matrix product a group (im2col), addressed by the loops of TileProblem.
inline std::int8_t im2col_feature(const Int8Layer& data, std::int64_t group, std::int64_t pixel,
                                  std::int64_t depth) {
  const Layer& l = data.layer;
  if (l.op == Op::kFullyConnected) return data.input[static_cast<std::size_t>(depth)];
  const std::int64_t taps = l.kernel_height * l.kernel_width;
  const std::int64_t tap = depth % taps;
  return data.feature(group * (l.ifm.channels / data.groups()) + depth / taps,
                      pixel / l.ofm.width * l.stride.height - l.padding.top +
                          tap / l.kernel_width * l.dilation.height,
                      pixel % l.ofm.width * l.stride.width - l.padding.left +
                          tap % l.kernel_width * l.dilation.width);
}

inline std::int8_t im2col_weight(const Int8Layer& data, std::int64_t group, std::int64_t output,
                                 std::int64_t depth) {
  const std::int64_t channel = group * (data.layer.ofm.channels / data.groups()) + output;
  const std::int64_t depth_in_all =
      static_cast<std::int64_t>(data.weights.size()) / data.layer.ofm.channels;
  return data.weights[static_cast<std::size_t>(channel * depth_in_all + depth)];
}

}  // namespace tilewake
