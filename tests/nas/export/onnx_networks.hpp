// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "simulator/network/network_yaml.hpp"
#include "tests/nas/export/random_weights.hpp"
#include "tests/nas/export/reference_executor.hpp"
#include "tests/support/one_output.hpp"
#include "tests/support/random.hpp"
#include "tests/support/random_network.hpp"

namespace tilewake {

/// A network of these entries, on an input of 4 x 9 x 7.
inline Network network_of(const std::string& layers) {
  return read_network_text("name: n\ninput: {channels: 4, height: 9, width: 7}\nlayers:\n" + layers,
                           "n.yaml");
}

/// Every op and every activation, a dense layer in the middle among them.
inline Network every_exported_op() {
  return network_of(R"(
  - {name: stem, op: conv2d, out_channels: 8, kernel: [3, 5], stride: 2, groups: 2, activation: relu6}
  - {name: dw, op: depthwise_conv2d, kernel: 3, dilation: 2, activation: hswish, bias: false}
  - {name: max, op: max_pool, kernel: 3, stride: 1, padding: [1, 2, 1, 0], activation: leaky_relu}
  - {name: far, op: max_pool, inputs: [dw], kernel: 2, dilation: 2, activation: swish}
  - {name: avg, op: avg_pool, inputs: [dw], kernel: 3, stride: 1, activation: swish}
  - {name: sum, op: add, inputs: [max, avg], activation: relu}
  - {name: wide, op: avg_pool, kernel: 3, dilation: 2, activation: sigmoid}
  - {name: gate, op: fully_connected, out_channels: 8, activation: hsigmoid}
  - {name: scaled, op: mul, inputs: [wide, gate]}
  - {name: shifted, op: add, inputs: [gate, scaled]}
  - {name: both, op: concat, inputs: [shifted, far, max]}
  - {name: shuffled, op: channel_shuffle, groups: 3}
  - {name: part, op: channel_split, first_channel: 5, out_channels: 16}
  - {name: pool, op: global_avg_pool}
  - {name: classifier, op: fully_connected, out_channels: 5}
)");
}

/// A network of RandomNetwork, reduced to one output.
inline Network random_network(std::uint64_t seed) {
  return with_one_output(RandomNetwork(seed).make(12));
}

/// The same of networks that split and shuffle channels.
inline Network random_moving_network(std::uint64_t seed) {
  return with_one_output(RandomNetwork(seed, RandomNetwork::Channels::kMove).make(12));
}

/// A network of the searched family: stem, MixConv blocks, some with squeeze-and-excitation, head.
inline Network random_mixconv_network(std::uint64_t seed, bool with_squeeze_excite) {
  Random random(seed);
  std::string text = "  - {name: stem, op: conv2d, out_channels: 8, kernel: 3, activation: relu}\n";
  const std::vector<std::string> activations = {"relu", "hswish", "swish"};
  for (int i = 0; i < 4; ++i) {
    const bool has_two = random.one_in(2);
    text += fmt::format(
        "  - {{name: b{}, op: mbconv, kernels: [{}], expansion_ratios: [{}], out_channels: {}, "
        "stride: {}, se_ratio: {}, activation: {}}}\n",
        i, has_two ? "3, 5" : random.pick<std::string>({"3", "5", "7"}), has_two ? "2, 1" : "3",
        random.one_in(2) ? 8 : 12, random.between(1, 2),
        with_squeeze_excite && random.one_in(2) ? 0.25 : 0.0, random.pick(activations));
  }
  return network_of(text + R"(
  - {name: head, op: conv2d, out_channels: 20, kernel: 1, activation: relu}
  - {name: pool, op: global_avg_pool}
  - {name: classifier, op: fully_connected, out_channels: 10}
)");
}

/// Outputs of the plain loops for `images`, image by image.
inline std::vector<double> reference_logits(const Network& network, const LayerWeights& weights,
                                            const std::vector<float>& images) {
  std::vector<double> logits;
  const std::int64_t size = network.input.num_elements();
  for (auto begin = images.begin(); begin != images.end(); begin += size) {
    const auto map = ReferenceExecutor(network, weights).run({begin, begin + size});
    logits.insert(logits.end(), map.begin(), map.end());
  }
  return logits;
}

/// Largest difference, relative to the largest of `expected` where that exceeds 1; infinite where
/// the counts differ.
template <typename T>
double largest_difference(const std::vector<T>& values, const std::vector<double>& expected) {
  if (values.size() != expected.size()) return std::numeric_limits<double>::infinity();
  double scale = 1.0;
  double difference = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    scale = std::max(scale, std::abs(expected[i]));
    difference = std::max(difference, std::abs(expected[i] - static_cast<double>(values[i])));
  }
  return difference / scale;
}

}  // namespace tilewake
