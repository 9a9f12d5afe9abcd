// SPDX-License-Identifier: Apache-2.0
#include "nas/network/plain_layer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>

#include "nas/network/depthwise.hpp"

namespace tilewake {
namespace {

using torch::Tensor;

/// x with `value` around it where windows read the padding.
Tensor padded(const Layer& layer, const Tensor& x, double value) {
  const Padding& p = layer.padding;
  const std::int64_t right = std::max<std::int64_t>(p.right, 0);
  const std::int64_t bottom = std::max<std::int64_t>(p.bottom, 0);
  if (p.left == 0 && p.top == 0 && right == 0 && bottom == 0) return x;
  return torch::constant_pad_nd(x, {p.left, right, p.top, bottom}, value);
}

std::vector<std::int64_t> both(const Steps& steps) { return {steps.height, steps.width}; }

/// Whether our depthwise kernels compute the layer: they pad by (k - 1) / 2 on all sides.
bool is_plain_depthwise(const Layer& layer) {
  const std::int64_t k = layer.kernel_height;
  const std::int64_t stride = layer.stride.height;
  const auto covers = [&](std::int64_t in, std::int64_t out) {
    return out == (in + stride - 1) / stride;
  };
  return layer.op == Op::kDepthwiseConv2d && layer.ofm.channels == layer.ifm.channels &&
         k == layer.kernel_width && k % 2 == 1 && layer.stride.are_equal() &&
         layer.dilation == Steps(1) && layer.padding.top == (k - 1) / 2 &&
         layer.padding.left == (k - 1) / 2 && covers(layer.ifm.height, layer.ofm.height) &&
         covers(layer.ifm.width, layer.ofm.width);
}

Tensor convolved(const Layer& layer, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (is_plain_depthwise(layer)) {
    const Tensor y = mix_depthwise(x, {weight}, static_cast<int>(layer.stride.height));
    return bias.defined() ? y + bias.reshape({1, -1, 1, 1}) : y;
  }
  const Padding& p = layer.padding;
  // Torch pads both sides alike; a smaller padding at the far end that no window reads is none.
  const bool is_symmetric =
      p.top == std::max<std::int64_t>(p.bottom, 0) && p.left == std::max<std::int64_t>(p.right, 0);
  const std::vector<std::int64_t> padding =
      is_symmetric ? std::vector<std::int64_t>{p.top, p.left} : std::vector<std::int64_t>{0, 0};
  return torch::conv2d(is_symmetric ? x : padded(layer, x, 0.0), weight, bias, both(layer.stride),
                       padding, both(layer.dilation), x.size(1) / weight.size(1));
}

Tensor pooled(const Layer& layer, const Tensor& x) {
  const std::vector<std::int64_t> window = {layer.kernel_height, layer.kernel_width};
  if (layer.op == Op::kMaxPool)
    return torch::max_pool2d(padded(layer, x, -std::numeric_limits<double>::infinity()), window,
                             both(layer.stride), 0, both(layer.dilation));
  if (layer.dilation == Steps(1))
    return torch::avg_pool2d(padded(layer, x, 0.0), window, both(layer.stride));
  // Torch's average pool has no dilation: a depthwise convolution by the window's share.
  const double share = 1.0 / static_cast<double>(layer.kernel_height * layer.kernel_width);
  const Tensor weight = torch::full({x.size(1), 1, window[0], window[1]}, share, x.options());
  return torch::conv2d(padded(layer, x, 0.0), weight, {}, both(layer.stride),
                       std::vector<std::int64_t>{0, 0}, both(layer.dilation), x.size(1));
}

Tensor shuffled(const Layer& layer, const Tensor& x) {
  const std::int64_t n = x.size(0);
  return x.contiguous()
      .reshape({n, layer.groups, layer.ifm.channels / layer.groups, x.size(2), x.size(3)})
      .transpose(1, 2)
      .reshape({n, layer.ifm.channels, x.size(2), x.size(3)});
}

Tensor elementwise(Op op, const std::vector<Tensor>& operands) {
  Tensor y = operands.front();
  for (std::size_t i = 1; i < operands.size(); ++i) {
    const Tensor& x = operands[i];
    y = op == Op::kAdd ? y + x : op == Op::kSub ? y - x : op == Op::kMul ? y * x : y / x;
  }
  return y;
}

}  // namespace

bool has_linear_result(Op op) {
  switch (op) {
    case Op::kConv2d:
    case Op::kDepthwiseConv2d:
    case Op::kFullyConnected:
    case Op::kMaxPool:
    case Op::kAvgPool:
    case Op::kGlobalAvgPool:
    case Op::kAdd:
    case Op::kSub:
    case Op::kMul:
    case Op::kDiv:
    case Op::kConcat:
    case Op::kChannelSplit:
    case Op::kChannelShuffle:
      return true;
    default:
      return false;
  }
}

Tensor linear_result(const Layer& layer, const std::vector<Tensor>& operands, const Tensor& weight,
                     const Tensor& bias) {
  const Tensor& x = operands.front();
  switch (layer.op) {
    case Op::kConv2d:
    case Op::kDepthwiseConv2d:
      return convolved(layer, x, weight, bias);
    case Op::kFullyConnected:
      return torch::linear(x.contiguous().flatten(1), weight, bias)
          .reshape({x.size(0), layer.ofm.channels, 1, 1});
    case Op::kMaxPool:
    case Op::kAvgPool:
      return pooled(layer, x);
    case Op::kGlobalAvgPool:
      return x.mean({2, 3}, /*keepdim=*/true);
    case Op::kConcat:
      return torch::cat(operands, static_cast<std::int64_t>(layer.axis) + 1);
    case Op::kChannelSplit:
      return x.narrow(1, layer.first_channel, layer.ofm.channels);
    case Op::kChannelShuffle:
      return shuffled(layer, x);
    case Op::kAdd:
    case Op::kSub:
    case Op::kMul:
    case Op::kDiv:
      return elementwise(layer.op, operands);
    default:
      throw std::logic_error("has_linear_result() is false");
  }
}

}  // namespace tilewake
