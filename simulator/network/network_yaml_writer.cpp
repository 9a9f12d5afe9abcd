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

/// ", stride: 2" or ", stride: [2, 1]".
std::string pair_key(const char* key, std::int64_t height, std::int64_t width) {
  return height == width ? fmt::format(", {}: {}", key, height)
                         : fmt::format(", {}: [{}, {}]", key, height, width);
}

std::string window_keys(const Layer& layer) {
  std::string text = pair_key("kernel", layer.kernel_height, layer.kernel_width);
  text += pair_key("stride", layer.stride.height, layer.stride.width);
  if (layer.dilation != Steps(1))
    text += pair_key("dilation", layer.dilation.height, layer.dilation.width);
  // Negative padding (rows that no window reads) is written as 0; the reader recomputes it.
  const Padding& p = layer.padding;
  const std::vector<std::int64_t> zeros = {p.top, p.left, std::max<std::int64_t>(p.bottom, 0),
                                           std::max<std::int64_t>(p.right, 0)};
  text += fmt::format(", padding: [{}]", fmt::join(zeros, ", "));
  if (layer.op == Op::kConvTranspose2d && (p.bottom < 0 || p.right < 0)) {
    text += pair_key("output_padding", std::max<std::int64_t>(-p.bottom, 0),
                     std::max<std::int64_t>(-p.right, 0));
  }
  return text;
}

std::string shape_keys(const Layer& layer) {
  const std::string size = fmt::format(", out_size: [{}, {}]", layer.ofm.height, layer.ofm.width);
  switch (layer.op) {
    case Op::kConv2d:
    case Op::kConvTranspose2d:
    case Op::kFullyConnected:
    case Op::kChannelSplit:
    case Op::kEmbedding:
    case Op::kPad:
      return fmt::format(", out_channels: {}", layer.ofm.channels);
    case Op::kReduce:
    case Op::kSlice:
    case Op::kTranspose:
    case Op::kInput:
    case Op::kConstant:
    case Op::kHost:
      return fmt::format(", out_channels: {}", layer.ofm.channels) + size;
    case Op::kResize:
      return size;
    default:
      return {};
  }
}

/// Keys of one op only.
std::string special_keys(const Layer& layer) {
  const Padding& p = layer.padding;
  switch (layer.op) {
    case Op::kResize: {
      constexpr const char* kModes[] = {"", "nearest", "linear", "", "cubic"};
      return fmt::format(", mode: {}", kModes[layer.kernel_height]);
    }
    case Op::kSlice:
      return fmt::format(", first: [{}, {}]", -p.top, -p.left) +
             (layer.stride == Steps(1)
                  ? ""
                  : pair_key("stride", layer.stride.height, layer.stride.width));
    case Op::kPad:
      return fmt::format(", padding: [{}, {}, {}, {}]", p.top, p.left, p.bottom, p.right);
    case Op::kTranspose:
      return fmt::format(", view: [{}], order: [{}]", fmt::join(layer.view, ", "),
                         fmt::join(layer.order, ", "));
    default:
      return {};
  }
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
  if (!layer.is_source()) text += fmt::format(", inputs: [{}]", fmt::join(inputs, ", "));
  text += shape_keys(layer);
  if (layer.has_window()) text += window_keys(layer);
  text += special_keys(layer);
  if (layer.extent != 1 || layer.op == Op::kDepthToSpace || layer.op == Op::kSpaceToDepth ||
      layer.op == Op::kLrn || layer.op == Op::kEmbedding) {
    text += fmt::format(", extent: {}", layer.extent);
  }
  if (layer.transposed) text += ", transposed: true";
  if (layer.axis != Axis::kChannels) text += fmt::format(", axis: {}", to_string(layer.axis));
  if (layer.first_channel != 0) text += fmt::format(", first_channel: {}", layer.first_channel);
  if (layer.groups != 1) text += fmt::format(", groups: {}", layer.groups);
  if ((layer.has_weights() || layer.is_norm()) && !layer.bias) text += ", bias: false";
  if (layer.is_norm() && !layer.shift) text += ", shift: false";
  if (layer.weights_of >= 0) {
    const Layer& owner = network.layers[static_cast<std::size_t>(layer.weights_of)];
    text += ", weights_of: " + quoted_if_needed(owner.name);
    if (layer.own_bias) text += ", own_bias: true";
  }
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
