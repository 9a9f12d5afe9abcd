// SPDX-License-Identifier: Apache-2.0
#include "nas/network/fake_quantization.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>

#include "nas/quantization/float_executor.hpp"
#include "simulator/network/onnx/onnx_names.hpp"

namespace tilewake {
namespace {

constexpr double kObservedShare = 0.01;  // of the difference to the extremes of a batch
constexpr std::int64_t kMostLevel = 255;
constexpr std::int64_t kMostWeightLevel = 127;

torch::Tensor fake_quantized(const torch::Tensor& x, const MapQuantization& q) {
  return torch::fake_quantize_per_tensor_affine(x, static_cast<double>(q.scale), q.zero_point, 0,
                                                kMostLevel);
}

torch::Tensor fake_quantized_weight(const torch::Tensor& weight) {
  const torch::Tensor largest = weight.detach().abs().flatten(1).amax(1);
  const torch::Tensor scale = (largest / static_cast<double>(kMostWeightLevel))
                                  .clamp_min(std::numeric_limits<float>::min());
  return torch::fake_quantize_per_channel_affine(
      weight, scale, torch::zeros_like(scale, torch::kInt), 0, -kMostWeightLevel, kMostWeightLevel);
}

torch::Tensor activated_map(Activation activation, const torch::Tensor& x) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return torch::relu(x);
    case Activation::kRelu6:
      return torch::clamp(x, 0.0, 6.0);
    case Activation::kLeakyRelu:
      return torch::leaky_relu(x, static_cast<double>(kLeakyReluSlope));
    case Activation::kSigmoid:
      return torch::sigmoid(x);
    case Activation::kHsigmoid:
      return torch::hardsigmoid(x);
    case Activation::kSwish:
      return torch::silu(x);
    case Activation::kHswish:
      return torch::hardswish(x);
    default:
      throw std::logic_error("check_quantizable() refuses this activation");
  }
}

/// With `value` around the map. Negative padding stands for rows that no window reads.
torch::Tensor padded_map(const Layer& layer, const torch::Tensor& x, double value) {
  const Padding& p = layer.padding;
  if (p.top <= 0 && p.left <= 0 && p.bottom <= 0 && p.right <= 0) return x;
  const auto size = [](std::int64_t rows) { return std::max<std::int64_t>(rows, 0); };
  return torch::constant_pad_nd(x, {size(p.left), size(p.right), size(p.top), size(p.bottom)},
                                value);
}

std::vector<std::int64_t> dims_of_weight(const Layer& layer) {
  if (layer.op == Op::kFullyConnected) return {layer.ofm.channels, layer.ifm.num_elements()};
  return {layer.ofm.channels, weight_channels(layer), layer.kernel_height, layer.kernel_width};
}

torch::Tensor float_tensor(const std::vector<float>& values,
                           const std::vector<std::int64_t>& dims) {
  return torch::tensor(values, torch::kFloat).reshape(dims);
}

std::vector<float> floats_of(const torch::Tensor& tensor) {
  const torch::Tensor values = tensor.detach().to(torch::kCPU, torch::kFloat).contiguous();
  const auto* first = values.data_ptr<float>();
  return {first, first + values.numel()};
}

}  // namespace

FakeQuantNetworkImpl::FakeQuantNetworkImpl(const Network& network, const LayerWeights& weights,
                                           const MapRanges& ranges)
    : network_(network) {
  check_quantizable(network_);
  check_weights(network_, weights);
  std::vector<double> bounds;
  const auto add = [&](const ValueRange& range) {
    bounds.insert(bounds.end(), {range.low, range.high});
  };
  add(ranges.input);
  for (const ValueRange& range : ranges.linear) add(range);
  for (const ValueRange& range : ranges.output) add(range);
  const auto rows = static_cast<std::int64_t>(bounds.size() / 2);
  ranges_ = register_buffer("ranges", torch::tensor(bounds, torch::kDouble).reshape({rows, 2}));
  shares_ = register_buffer("shares", torch::zeros({rows, 2}, torch::kDouble));
  for (std::size_t i = 0; i < network_.layers.size(); ++i) {
    const Layer& layer = network_.layers[i];
    weights_.emplace_back();
    biases_.emplace_back();
    if (!layer.has_weights()) continue;
    const LayerWeight& values = weights.at(layer.name);
    weights_.back() = register_parameter(fmt::format("weight{}", i),
                                         float_tensor(values.weight, dims_of_weight(layer)));
    if (layer.bias)
      biases_.back() = register_parameter(fmt::format("bias{}", i),
                                          float_tensor(values.bias, {layer.ofm.channels}));
  }
}

std::int64_t FakeQuantNetworkImpl::linear_row(std::size_t index) const {
  return static_cast<std::int64_t>(index) + 1;
}

std::int64_t FakeQuantNetworkImpl::output_row(std::size_t index) const {
  return static_cast<std::int64_t>(network_.layers.size() + index) + 1;
}

MapRanges FakeQuantNetworkImpl::map_ranges() const {
  const torch::Tensor values = ranges_.to(torch::kCPU).contiguous();
  const auto* bounds = values.data_ptr<double>();
  const auto range = [&](std::int64_t row) {
    return ValueRange{bounds[2 * row], bounds[2 * row + 1]};
  };
  MapRanges ranges;
  ranges.input = range(0);
  for (std::size_t i = 0; i < network_.layers.size(); ++i) {
    ranges.linear.push_back(range(linear_row(i)));
    ranges.output.push_back(range(output_row(i)));
  }
  return ranges;
}

LayerWeights FakeQuantNetworkImpl::layer_weights() const {
  LayerWeights weights;
  for (std::size_t i = 0; i < network_.layers.size(); ++i) {
    const Layer& layer = network_.layers[i];
    if (!layer.has_weights()) continue;
    LayerWeight& values = weights[layer.name];
    values.weight = floats_of(weights_[i]);
    if (layer.bias) values.bias = floats_of(biases_[i]);
  }
  return weights;
}

void FakeQuantNetworkImpl::observe(std::int64_t row, const torch::Tensor& x,
                                   const ValueRange& limits) {
  const torch::NoGradGuard no_grad;
  const auto [low, high] = torch::aminmax(x.detach());
  const torch::Tensor extremes = torch::stack({low.to(torch::kDouble).clamp(limits.low, 0.0),
                                               high.to(torch::kDouble).clamp(0.0, limits.high)});
  torch::Tensor range = ranges_[row];
  torch::Tensor share = shares_[row];
  // The share of an end is 1 where the first batch has no value there.
  const torch::Tensor first =
      torch::where(extremes == 0.0, torch::ones_like(extremes), (range / extremes).clamp(0.0, 1.0));
  share.copy_(torch::where(share == 0.0, first, share));
  range.add_(extremes * share - range, kObservedShare);
}

torch::Tensor FakeQuantNetworkImpl::forward(const torch::Tensor& images) {
  const MapScales scales = map_scales(network_, map_ranges());
  const bool is_observed = observes && is_training();
  const ValueRange all = argument_limits(Activation::kNone);
  const std::vector<int> last_readers = last_readers_of(network_);
  const torch::Tensor input = fake_quantized(images, scales.input);
  std::vector<torch::Tensor> maps(network_.layers.size());
  for (std::size_t i = 0; i < maps.size(); ++i) {
    const Layer& layer = network_.layers[i];
    std::vector<torch::Tensor> inputs;
    for (const int index : layer.inputs)
      inputs.push_back(index == kNetworkInput ? input : maps[static_cast<std::size_t>(index)]);
    torch::Tensor x = linear(i, inputs);
    if (has_table(layer) && layer.op != Op::kMaxPool) {
      if (is_observed) observe(linear_row(i), x, argument_limits(layer.activation));
      x = fake_quantized(x, scales.linear[i]);
    }
    x = activated_map(layer.activation, x);
    if (!keeps_scale(layer)) {
      if (is_observed) observe(output_row(i), x, all);
      x = fake_quantized(x, scales.output[i]);
    }
    maps[i] = x;
    for (const int index : layer.inputs) {
      if (index != kNetworkInput &&
          last_readers[static_cast<std::size_t>(index)] == static_cast<int>(i))
        maps[static_cast<std::size_t>(index)].reset();
    }
  }
  return maps.back().flatten(1);
}

torch::Tensor FakeQuantNetworkImpl::weighted(std::size_t index, const torch::Tensor& x) {
  const Layer& layer = network_.layers[index];
  const torch::Tensor weight = fake_quantized_weight(weights_[index]);
  const torch::Tensor& bias = biases_[index];
  if (layer.op == Op::kFullyConnected)
    return torch::linear(x.flatten(1), weight, bias).reshape({-1, layer.ofm.channels, 1, 1});
  const std::int64_t groups = layer.ifm.channels / weight_channels(layer);
  const std::vector<std::int64_t> stride = {layer.stride.height, layer.stride.width};
  const std::vector<std::int64_t> padding = {0, 0};
  const std::vector<std::int64_t> dilation = {layer.dilation.height, layer.dilation.width};
  return torch::conv2d(padded_map(layer, x, 0.0), weight, bias, torch::IntArrayRef(stride),
                       torch::IntArrayRef(padding), torch::IntArrayRef(dilation), groups);
}

torch::Tensor FakeQuantNetworkImpl::linear(std::size_t index,
                                           const std::vector<torch::Tensor>& inputs) {
  const Layer& l = network_.layers[index];
  const torch::Tensor& x = inputs[0];
  const std::vector<std::int64_t> kernel = {l.kernel_height, l.kernel_width};
  const std::vector<std::int64_t> stride = {l.stride.height, l.stride.width};
  switch (l.op) {
    case Op::kConv2d:
    case Op::kDepthwiseConv2d:
    case Op::kFullyConnected:
      return weighted(index, x);
    case Op::kMaxPool:
      return torch::max_pool2d(padded_map(l, x, -std::numeric_limits<double>::infinity()), kernel,
                               stride, {0, 0}, {l.dilation.height, l.dilation.width});
    case Op::kAvgPool:
      return torch::avg_pool2d(padded_map(l, x, 0.0), kernel, stride);
    case Op::kGlobalAvgPool:
      return x.mean({2, 3}, /*keepdim=*/true);
    case Op::kAdd:
      return x + inputs[1];
    case Op::kMul:
      return x * inputs[1];
    case Op::kConcat:
      return torch::cat(inputs, 1);
    case Op::kChannelSplit:
      return x.narrow(1, l.first_channel, l.ofm.channels);
    case Op::kChannelShuffle:
      return x.reshape({-1, l.groups, l.ifm.channels / l.groups, l.ifm.height, l.ifm.width})
          .transpose(1, 2)
          .reshape({-1, l.ofm.channels, l.ofm.height, l.ofm.width});
    default:
      throw std::logic_error("check_quantizable() refuses this op");
  }
}

}  // namespace tilewake
