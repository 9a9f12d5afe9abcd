// SPDX-License-Identifier: Apache-2.0
#include "nas/quantization/quantized_network.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/network/onnx/onnx_names.hpp"

namespace tilewake {
namespace {

/// 255 x 127 x this, and a bias of at most 2^29, are less than 2^31.
constexpr std::int64_t kMaxProducts = 48'000;

[[noreturn]] void refuse(const Layer& layer, const std::string& what) {
  throw InputError(fmt::format("int8: layer '{}': {}", layer.name, what));
}

bool is_pixel(const Shape& shape) { return shape.height == 1 && shape.width == 1; }

void check_operands(const Network& network, const Layer& layer) {
  if (layer.inputs.size() != 2)
    refuse(layer, fmt::format("{} of {} maps", to_string(layer.op), layer.inputs.size()));
  const Shape& a = network.shape_of(layer.inputs[0]);
  const Shape& b = network.shape_of(layer.inputs[1]);
  if (a == b) return;
  if (a.channels != b.channels || (!is_pixel(a) && !is_pixel(b)))
    refuse(layer, fmt::format("{} of maps of {} x {} x {} and {} x {} x {}; supported are equal "
                              "maps and a value a channel",
                              to_string(layer.op), a.channels, a.height, a.width, b.channels,
                              b.height, b.width));
}

void check_op(const Network& network, const Layer& layer) {
  switch (layer.op) {
    case Op::kConv2d:
    case Op::kDepthwiseConv2d:
    case Op::kFullyConnected:
      if (layer.weights_of >= 0)
        refuse(layer, "uses the weights of another layer, which is not supported");
      if (num_products(layer) > kMaxProducts)
        refuse(layer, fmt::format("a sum of {} products might exceed 32 bits; at most {} are "
                                  "supported",
                                  num_products(layer), kMaxProducts));
      return;
    case Op::kAvgPool:
      if (layer.dilation != Steps(1)) refuse(layer, "a dilated avg_pool is not supported");
      return;
    case Op::kAdd:
    case Op::kMul:
      return check_operands(network, layer);
    case Op::kConcat:
      if (layer.axis != Axis::kChannels)
        refuse(layer, fmt::format("concat of {} is not supported, only of channels",
                                  to_string(layer.axis)));
      return;
    case Op::kMaxPool:
    case Op::kGlobalAvgPool:
    case Op::kChannelSplit:
    case Op::kChannelShuffle:
      return;
    default:
      refuse(layer, fmt::format("{} is not supported", to_string(layer.op)));
  }
}

void check_activation(const Layer& layer) {
  switch (layer.activation) {
    case Activation::kNone:
    case Activation::kRelu:
    case Activation::kRelu6:
    case Activation::kLeakyRelu:
    case Activation::kSigmoid:
    case Activation::kHsigmoid:
    case Activation::kSwish:
    case Activation::kHswish:
      return;
    default:
      refuse(layer, fmt::format("activation {} is not supported", to_string(layer.activation)));
  }
}

}  // namespace

void check_quantizable(const Network& network) {
  if (network.layers.empty()) throw InputError("int8: the network has no layers");
  if (network.batch != 1)
    throw InputError(
        fmt::format("int8: network '{}' is for batches of {} images; only one is "
                    "supported",
                    network.name, network.batch));
  const std::vector<std::vector<int>> readers = readers_of(network);
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const Layer& layer = network.layers[i];
    check_op(network, layer);
    check_activation(layer);
    if (readers[i].empty() && i + 1 < network.layers.size())
      refuse(layer, fmt::format("is a second output besides '{}'; only one is supported",
                                network.layers.back().name));
  }
}

bool has_table(const Layer& layer) {
  switch (layer.activation) {
    case Activation::kNone:
      return false;
    case Activation::kRelu:
    case Activation::kRelu6:
      return layer.op == Op::kMaxPool;  // its linear result has the scale of its input
    default:
      return true;
  }
}

bool keeps_scale(const Layer& layer) {
  return layer.moves_channels() ||
         (layer.op == Op::kMaxPool && layer.activation == Activation::kNone);
}

std::int64_t weight_channels(const Layer& layer) {
  switch (layer.op) {
    case Op::kConv2d:
      return layer.ifm.channels / layer.groups;
    case Op::kDepthwiseConv2d:
      return 1;
    case Op::kFullyConnected:
      return layer.ifm.channels;
    default:
      throw std::logic_error("a layer without weights");
  }
}

std::int64_t num_products(const Layer& layer) {
  if (layer.op == Op::kFullyConnected) return layer.ifm.num_elements();
  return weight_channels(layer) * layer.kernel_height * layer.kernel_width;
}

double activated(Activation activation, double x) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return std::max(x, 0.0);
    case Activation::kRelu6:
      return std::clamp(x, 0.0, 6.0);
    case Activation::kLeakyRelu:
      return x < 0.0 ? x * static_cast<double>(kLeakyReluSlope) : x;
    case Activation::kSigmoid:
      return 1.0 / (1.0 + std::exp(-x));
    case Activation::kHsigmoid:
      return std::clamp(x / 6.0 + 0.5, 0.0, 1.0);
    case Activation::kSwish:
      return x / (1.0 + std::exp(-x));
    case Activation::kHswish:
      return x * std::clamp(x / 6.0 + 0.5, 0.0, 1.0);
    default:
      throw std::logic_error("an activation without integer arithmetic");
  }
}

float activated_entry(Activation activation, float x) {
  // Products and sums of two floats in double precision, so that no machine fuses them.
  const auto rounded = [](double value) { return static_cast<float>(value); };
  const auto value = static_cast<double>(x);
  const auto gate = [&](Activation gate_activation) {
    return static_cast<double>(activated_entry(gate_activation, x));
  };
  switch (activation) {
    case Activation::kHsigmoid: {
      const float scaled_x = rounded(value * static_cast<double>(1.0F / 6.0F));
      return std::clamp(rounded(static_cast<double>(scaled_x) + 0.5), 0.0F, 1.0F);
    }
    case Activation::kHswish:
      return rounded(value * gate(Activation::kHsigmoid));
    case Activation::kSwish:
      return rounded(value * gate(Activation::kSigmoid));
    default:
      return rounded(activated(activation, value));
  }
}

std::vector<std::vector<int>> readers_of(const Network& network) {
  std::vector<std::vector<int>> readers(network.layers.size());
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    for (const int input : network.layers[i].inputs) {
      if (input == kNetworkInput) continue;
      std::vector<int>& all = readers[static_cast<std::size_t>(input)];
      const int reader = static_cast<int>(i);
      if (all.empty() || all.back() != reader) all.push_back(reader);
    }
  }
  return readers;
}

}  // namespace tilewake
