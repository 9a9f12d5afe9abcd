// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/network/network_yaml.hpp"

namespace tilewake {
namespace {

/// Names contain no quotes and backslashes (check_name), so no escapes are needed.
std::string quoted_if_needed(const std::string& name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto is_plain = [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' || c == '/';
  };
  const bool is_word = is_letter(name.front()) && std::all_of(name.begin(), name.end(), is_plain);
  const bool is_null = name == "null" || name == "Null" || name == "NULL";
  return is_word && !is_null ? name : '"' + name + '"';
}

bool has_window(const Layer& layer) {
  return layer.op == Op::kConv2d || layer.op == Op::kDepthwiseConv2d || layer.op == Op::kMaxPool ||
         layer.op == Op::kAvgPool;
}

std::string window_keys(const Layer& layer) {
  std::string text =
      layer.kernel_height == layer.kernel_width
          ? fmt::format(", kernel: {}", layer.kernel_height)
          : fmt::format(", kernel: [{}, {}]", layer.kernel_height, layer.kernel_width);
  text += fmt::format(", stride: {}", layer.stride);
  if (layer.dilation != 1) text += fmt::format(", dilation: {}", layer.dilation);
  // Negative padding (rows that no window reads) is written as 0; the reader recomputes it.
  const Padding& p = layer.padding;
  const std::vector<std::int64_t> zeros = {p.top, p.left, std::max<std::int64_t>(p.bottom, 0),
                                           std::max<std::int64_t>(p.right, 0)};
  return text + fmt::format(", padding: [{}]", fmt::join(zeros, ", "));
}

std::string entry_of(const Network& network, const Layer& layer) {
  std::string text =
      fmt::format("name: {}, op: {}", quoted_if_needed(layer.name), to_string(layer.op));
  if (!layer.block.empty()) text += ", block: " + quoted_if_needed(layer.block);
  std::vector<std::string> inputs;
  for (const int input : layer.inputs) {
    inputs.push_back(input == kNetworkInput
                         ? "input"
                         : quoted_if_needed(network.layers[static_cast<std::size_t>(input)].name));
  }
  text += fmt::format(", inputs: [{}]", fmt::join(inputs, ", "));
  if (layer.op == Op::kConv2d || layer.op == Op::kFullyConnected || layer.op == Op::kChannelSplit) {
    text += fmt::format(", out_channels: {}", layer.ofm.channels);
  }
  if (has_window(layer)) text += window_keys(layer);
  if (layer.first_channel != 0) text += fmt::format(", first_channel: {}", layer.first_channel);
  if (layer.groups != 1) text += fmt::format(", groups: {}", layer.groups);
  if (layer.has_weights() && !layer.bias) text += ", bias: false";
  if (layer.activation != Activation::kNone) {
    text += fmt::format(", activation: {}", to_string(layer.activation));
  }
  return text;
}

}  // namespace

void write_network(std::ostream& os, const Network& network) {
  const Shape& input = network.input;
  os << "name: " << quoted_if_needed(network.name) << "\n"
     << fmt::format("input: {{channels: {}, height: {}, width: {}}}\n", input.channels,
                    input.height, input.width);
  if (network.batch != 1) os << fmt::format("batch: {}\n", network.batch);
  os << "layers:\n";
  for (const Layer& layer : network.layers) {
    os << fmt::format("  - {{{}}}  # {}x{}x{}\n", entry_of(network, layer), layer.ofm.channels,
                      layer.ofm.height, layer.ofm.width);
  }
}

}  // namespace tilewake
