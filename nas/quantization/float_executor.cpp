// SPDX-License-Identifier: Apache-2.0
#include "nas/quantization/float_executor.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "nas/quantization/executor_loops.hpp"
#include "nas/quantization/quantized_network.hpp"
#include "nas/quantization/window.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

using FloatMap = std::vector<float>;
using FloatInputs = std::vector<const FloatMap*>;

std::size_t elements(const Shape& shape) { return static_cast<std::size_t>(shape.num_elements()); }

/// From outputs x products to products x outputs.
FloatMap transposed_weights(const FloatMap& weight, std::size_t num_outputs) {
  const std::size_t products = weight.size() / num_outputs;
  FloatMap transposed(weight.size());
  for (std::size_t o = 0; o < num_outputs; ++o) {
    for (std::size_t p = 0; p < products; ++p)
      transposed[p * num_outputs + o] = weight[o * products + p];
  }
  return transposed;
}

FloatMap pooled(const Layer& layer, const FloatMap& map) {
  const Shape& out = layer.ofm;
  const bool is_max = layer.op == Op::kMaxPool;
  const auto taps = static_cast<float>(layer.kernel_height * layer.kernel_width);
  FloatMap result(elements(out), is_max ? std::numeric_limits<float>::lowest() : 0.0F);
  float* pixel = result.data();
  for (std::int64_t h = 0; h < out.height; ++h) {
    for (std::int64_t w = 0; w < out.width; ++w, pixel += out.channels) {
      for_each_tap(layer, map.data(), h, w, [&](std::int64_t, const float* values) {
        if (values == nullptr) return;
        for (std::int64_t c = 0; c < out.channels; ++c)
          pixel[c] = is_max ? std::max(pixel[c], values[c]) : pixel[c] + values[c];
      });
      if (!is_max) std::for_each(pixel, pixel + out.channels, [&](float& x) { x /= taps; });
    }
  }
  return result;
}

FloatMap mean_of_pixels(const Layer& layer, const FloatMap& map) {
  const std::size_t channels = elements(layer.ofm);
  std::vector<double> sums(channels, 0.0);
  for (std::size_t i = 0; i < map.size(); ++i) sums[i % channels] += static_cast<double>(map[i]);
  FloatMap means(channels);
  const auto pixels = static_cast<double>(layer.ifm.height * layer.ifm.width);
  std::transform(sums.begin(), sums.end(), means.begin(),
                 [&](double sum) { return static_cast<float>(sum / pixels); });
  return means;
}

FloatMap combined(const Layer& layer, const FloatInputs& inputs) {
  const std::size_t channels = static_cast<std::size_t>(layer.ofm.channels);
  FloatMap result(elements(layer.ofm));
  const auto operand = [&](std::size_t k, std::size_t i) {
    const FloatMap& map = *inputs[k];
    return map.size() == result.size() ? map[i] : map[i % channels];  // or a value a channel
  };
  for (std::size_t i = 0; i < result.size(); ++i) {
    const float a = operand(0, i);
    const float b = operand(1, i);
    result[i] = layer.op == Op::kAdd ? a + b : a * b;
  }
  return result;
}

FloatMap joined(const Layer& layer, const FloatInputs& inputs) {
  const auto pixels = static_cast<std::size_t>(layer.ofm.height * layer.ofm.width);
  FloatMap result;
  result.reserve(elements(layer.ofm));
  for (std::size_t p = 0; p < pixels; ++p) {
    for (const FloatMap* map : inputs) {
      const auto channels = static_cast<std::ptrdiff_t>(map->size() / pixels);
      const auto first = map->begin() + static_cast<std::ptrdiff_t>(p) * channels;
      result.insert(result.end(), first, first + channels);
    }
  }
  return result;
}

FloatMap moved(const Layer& layer, const FloatMap& map) {
  FloatMap result;
  result.reserve(elements(layer.ofm));
  for (std::int64_t p = 0; p < layer.ofm.height * layer.ofm.width; ++p) {
    for (std::int64_t c = 0; c < layer.ofm.channels; ++c)
      result.push_back(
          map[static_cast<std::size_t>(p * layer.ifm.channels + moved_from(layer, c))]);
  }
  return result;
}

}  // namespace

void check_weights(const Network& network, const LayerWeights& weights) {
  for (const Layer& layer : network.layers) {
    if (!layer.has_weights()) continue;
    const auto found = weights.find(layer.name);
    const std::int64_t biases = layer.bias ? layer.ofm.channels : 0;
    if (found == weights.end() ||
        static_cast<std::int64_t>(found->second.weight.size()) != layer.num_weights() ||
        static_cast<std::int64_t>(found->second.bias.size()) != biases)
      throw InputError(
          fmt::format("int8: layer '{}': has no weights, or weights of another size", layer.name));
    const auto is_finite = [](float x) { return std::isfinite(x); };
    const LayerWeight& values = found->second;
    if (!std::all_of(values.weight.begin(), values.weight.end(), is_finite) ||
        !std::all_of(values.bias.begin(), values.bias.end(), is_finite))
      throw InputError(
          fmt::format("int8: layer '{}': has weights that are not finite", layer.name));
  }
}

std::vector<int> last_readers_of(const Network& network) {
  std::vector<int> last(network.layers.size());
  for (std::size_t i = 0; i < last.size(); ++i) {
    last[i] = static_cast<int>(i);
    for (const int input : network.layers[i].inputs) {
      if (input != kNetworkInput) last[static_cast<std::size_t>(input)] = static_cast<int>(i);
    }
  }
  return last;
}

FloatExecutor::FloatExecutor(const Network& network, const LayerWeights& weights)
    : network_(network) {
  check_quantizable(network_);
  check_weights(network_, weights);
  last_readers_ = last_readers_of(network_);
  for (const Layer& layer : network_.layers) {
    weights_.emplace_back();
    biases_.emplace_back();
    if (!layer.has_weights()) continue;
    const LayerWeight& values = weights.at(layer.name);
    weights_.back() = transposed_weights(
        with_channels_last<float>(values.weight, layer.ofm.channels, weight_channels(layer)),
        static_cast<std::size_t>(layer.ofm.channels));
    biases_.back() = values.bias;
    biases_.back().resize(static_cast<std::size_t>(layer.ofm.channels), 0.0F);
  }
}

std::vector<float> FloatExecutor::run(std::span<const float> image,
                                      const MapObserver& observer) const {
  if (image.size() != elements(network_.input))
    throw std::invalid_argument("an image of another size than the network's input");
  const FloatMap input(image.begin(), image.end());
  std::vector<FloatMap> maps(network_.layers.size());
  for (std::size_t i = 0; i < maps.size(); ++i) {
    const Layer& layer = network_.layers[i];
    FloatInputs inputs;
    for (const int index : layer.inputs)
      inputs.push_back(index == kNetworkInput ? &input : &maps[static_cast<std::size_t>(index)]);
    FloatMap result = linear(i, inputs);
    FloatMap output = result;
    if (layer.activation != Activation::kNone) {
      for (float& x : output)
        x = static_cast<float>(activated(layer.activation, static_cast<double>(x)));
    }
    if (observer) observer(i, result, output);
    maps[i] = std::move(output);
    for (const int index : layer.inputs) {
      if (index != kNetworkInput &&
          last_readers_[static_cast<std::size_t>(index)] == static_cast<int>(i))
        FloatMap().swap(maps[static_cast<std::size_t>(index)]);
    }
  }
  return std::move(maps.back());
}

std::vector<float> FloatExecutor::linear(std::size_t index, const FloatInputs& inputs) const {
  const Layer& layer = network_.layers[index];
  switch (layer.op) {
    case Op::kConv2d:
    case Op::kDepthwiseConv2d:
    case Op::kFullyConnected:
      return convolution(index, *inputs[0]);
    case Op::kMaxPool:
    case Op::kAvgPool:
      return pooled(layer, *inputs[0]);
    case Op::kGlobalAvgPool:
      return mean_of_pixels(layer, *inputs[0]);
    case Op::kAdd:
    case Op::kMul:
      return combined(layer, inputs);
    case Op::kConcat:
      return joined(layer, inputs);
    case Op::kChannelSplit:
    case Op::kChannelShuffle:
      return moved(layer, *inputs[0]);
    default:
      throw std::logic_error("check_quantizable() refuses this op");
  }
}

std::vector<float> FloatExecutor::convolution(std::size_t index, const FloatMap& map) const {
  const Layer& layer = network_.layers[index];
  const Shape& out = layer.ofm;
  const FloatMap& weights = weights_[index];
  const FloatMap& bias = biases_[index];
  const bool is_dense = layer.op == Op::kFullyConnected;
  const std::int64_t groups = layer.op == Op::kConv2d ? layer.groups : 1;
  const std::int64_t channels = is_dense ? 0 : weight_channels(layer);
  const std::int64_t outputs = out.channels / groups;
  const std::int64_t products = num_products(layer);
  FloatMap patch(static_cast<std::size_t>(products));
  FloatMap result(elements(out));
  float* pixel = result.data();
  for (std::int64_t h = 0; h < out.height; ++h) {
    for (std::int64_t w = 0; w < out.width; ++w, pixel += out.channels) {
      std::copy(bias.begin(), bias.end(), pixel);
      if (layer.op == Op::kDepthwiseConv2d) {
        for_each_tap(layer, map.data(), h, w, [&](std::int64_t tap, const float* values) {
          if (values != nullptr)
            add_products(values, weights.data() + tap * out.channels, pixel, out.channels);
        });
        continue;
      }
      for (std::int64_t g = 0; g < groups; ++g) {
        const float* values = map.data();
        if (!is_dense) {
          gather_window(layer, map.data(), h, w, g * channels, channels, patch.data());
          values = patch.data();
        }
        for (std::int64_t p = 0; p < products; ++p)
          add_multiples(values[p], weights.data() + p * out.channels + g * outputs,
                        pixel + g * outputs, outputs);
      }
    }
  }
  return result;
}

}  // namespace tilewake
