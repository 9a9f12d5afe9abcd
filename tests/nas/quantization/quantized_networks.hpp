// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "nas/quantization/quantize.hpp"
#include "tests/nas/export/onnx_networks.hpp"

namespace tilewake {

/// Every op and activation that has integer arithmetic.
inline Network every_quantized_op() {
  return network_of(R"(
  - {name: stem, op: conv2d, out_channels: 8, kernel: [3, 5], stride: 2, groups: 2, activation: relu6}
  - {name: dw, op: depthwise_conv2d, kernel: 3, dilation: 2, activation: hswish, bias: false}
  - {name: max, op: max_pool, kernel: 3, stride: 1, padding: [1, 2, 1, 0], activation: leaky_relu}
  - {name: far, op: max_pool, inputs: [dw], kernel: 2, dilation: 2, activation: relu}
  - {name: avg, op: avg_pool, inputs: [dw], kernel: 3, stride: 1, activation: swish}
  - {name: sum, op: add, inputs: [max, avg], activation: relu}
  - {name: wide, op: avg_pool, kernel: 3, stride: 1, activation: sigmoid}
  - {name: gate, op: fully_connected, out_channels: 8, activation: hsigmoid}
  - {name: scaled, op: mul, inputs: [wide, gate], activation: relu6}
  - {name: shifted, op: add, inputs: [gate, scaled]}
  - {name: both, op: concat, inputs: [shifted, far, max, sum]}
  - {name: shuffled, op: channel_shuffle, groups: 4}
  - {name: part, op: channel_split, first_channel: 5, out_channels: 16}
  - {name: still, op: max_pool, kernel: 3, stride: 1}
  - {name: sharp, op: conv2d, out_channels: 12, kernel: 1, activation: relu}
  - {name: fine, op: depthwise_conv2d, kernel: 3, stride: 2, activation: relu}
  - {name: last, op: conv2d, out_channels: 9, kernel: 3}
  - {name: pool, op: global_avg_pool}
  - {name: classifier, op: fully_connected, out_channels: 5}
)");
}

/// Units of ShuffleNetV2 and convolutions with groups.
inline Network random_shuffle_network(std::uint64_t seed) {
  Random random(seed);
  std::string text = "  - {name: stem, op: conv2d, out_channels: 8, kernel: 3, activation: relu}\n";
  for (int i = 0; i < 3; ++i) {
    text += fmt::format(
        "  - {{name: u{}, op: {}, kernels: [{}], out_channels: {}, stride: {}, activation: {}}}\n",
        i, random.one_in(2) ? "shuffle_unit" : "xception_unit", random.one_in(2) ? 3 : 5,
        random.one_in(2) ? 8 : 12, random.between(1, 2),
        random.pick<std::string>({"relu", "relu6", "hswish"}));
  }
  return network_of(text + R"(
  - {name: grouped, op: conv2d, out_channels: 12, kernel: 3, groups: 4, activation: relu6}
  - {name: pool, op: global_avg_pool}
  - {name: classifier, op: fully_connected, out_channels: 10}
)");
}

/// Networks of blocks, with squeeze-and-excitation, shuffles and groups, or every op, by the seed.
inline Network random_quantizable_network(std::uint64_t seed) {
  switch (seed % 4) {
    case 0:
      return every_quantized_op();
    case 1:
      return random_shuffle_network(seed);
    default:
      return random_mixconv_network(seed, seed % 4 == 2);
  }
}

/// Normalised images of smooth stripes and noise, rows x columns x channels.
inline CalibrationImages random_images(const Network& network, std::int64_t count,
                                       std::uint64_t seed) {
  CalibrationImages images;
  images.count = count;
  images.values = random_values(seed, count * network.input.num_elements(), 2.0);
  return images;
}

/// channels x rows x columns from rows x columns x channels.
template <typename T>
std::vector<double> planes_of(const std::vector<T>& map, std::int64_t channels) {
  const std::size_t c = static_cast<std::size_t>(channels);
  const std::size_t pixels = map.size() / c;
  std::vector<double> planes(map.size());
  for (std::size_t i = 0; i < map.size(); ++i)
    planes[i % c * pixels + i / c] = static_cast<double>(map[i]);
  return planes;
}

inline std::vector<float> image_values(const CalibrationImages& images, std::int64_t index) {
  const auto image = images.image(index);
  return {image.begin(), image.end()};
}

}  // namespace tilewake
