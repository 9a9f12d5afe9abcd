// SPDX-License-Identifier: Apache-2.0
#include "nas/network/fake_quantization.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "nas/network/normalization.hpp"
#include "nas/network/plain_layer.hpp"
#include "nas/quantization/float_executor.hpp"

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
                                         float_tensor(values.weight, weight_dims(layer)));
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
    const torch::Tensor weight =
        layer.has_weights() ? fake_quantized_weight(weights_[i]) : torch::Tensor();
    torch::Tensor x = linear_result(layer, inputs, weight, biases_[i]);
    if (has_table(layer) && layer.op != Op::kMaxPool) {
      if (is_observed) observe(linear_row(i), x, argument_limits(layer.activation));
      x = fake_quantized(x, scales.linear[i]);
    }
    x = activate(x, layer.activation);
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

}  // namespace tilewake
