// SPDX-License-Identifier: Apache-2.0
#include "nas/quantization/integer_executor.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "nas/quantization/float_executor.hpp"
#include "nas/quantization/layer_arithmetic.hpp"
#include "nas/quantization/window.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kMaxValue = 255;

std::size_t num_values(const Shape& shape) {
  return static_cast<std::size_t>(shape.num_elements());
}

/// Values less their zero point; so zero is 0, also in the padding.
std::vector<std::int16_t> centred(const IntegerMap& map, std::int32_t zero_point) {
  std::vector<std::int16_t> values(map.size());
  std::transform(map.begin(), map.end(), values.begin(),
                 [&](std::uint8_t q) { return static_cast<std::int16_t>(q - zero_point); });
  return values;
}

/// taps x channels from channels x taps.
std::vector<std::int16_t> by_tap(const std::vector<std::int8_t>& weight, std::size_t channels) {
  const std::size_t taps = weight.size() / channels;
  std::vector<std::int16_t> sorted(weight.size());
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t t = 0; t < taps; ++t)
      sorted[t * channels + c] = weight[c * taps + t];  // NOLINT(bugprone-signed-char-misuse)
  }
  return sorted;
}

/// Whether `integers` are of `layer`: sizes only.
bool is_of(const QuantizedLayer& integers, const Layer& layer) {
  const bool has_weights = layer.has_weights();
  const auto outputs = static_cast<std::size_t>(layer.ofm.channels);
  const auto num_weights = static_cast<std::size_t>(has_weights ? layer.num_weights() : 0);
  std::size_t num_factors = 1;
  if (has_weights) num_factors = outputs;
  if (layer.op == Op::kConcat) num_factors = layer.inputs.size();
  if (layer.op == Op::kAdd || layer.op == Op::kMaxPool || layer.moves_channels()) num_factors = 0;
  return integers.weight.size() == num_weights && integers.factors.size() == num_factors &&
         integers.bias.size() == (has_weights && layer.bias ? outputs : 0) &&
         integers.table.size() == (has_table(layer) ? kMaxValue + 1 : 0);
}

IntegerMap maximum(const Layer& layer, const IntegerMap& map) {
  const Shape& out = layer.ofm;
  IntegerMap result(num_values(out), 0);
  std::uint8_t* pixel = result.data();
  for (std::int64_t h = 0; h < out.height; ++h) {
    for (std::int64_t w = 0; w < out.width; ++w, pixel += out.channels) {
      for_each_tap(layer, map.data(), h, w, [&](std::int64_t, const std::uint8_t* values) {
        if (values == nullptr) return;
        for (std::int64_t c = 0; c < out.channels; ++c) pixel[c] = std::max(pixel[c], values[c]);
      });
    }
  }
  return result;
}

IntegerMap moved_channels(const Layer& layer, const IntegerMap& map) {
  IntegerMap result;
  result.reserve(num_values(layer.ofm));
  for (std::int64_t p = 0; p < layer.ofm.height * layer.ofm.width; ++p) {
    for (std::int64_t c = 0; c < layer.ofm.channels; ++c)
      result.push_back(
          map[static_cast<std::size_t>(p * layer.ifm.channels + moved_from(layer, c))]);
  }
  return result;
}

}  // namespace

std::uint8_t quantized_value(float x, const MapQuantization& q) {
  const float value = std::nearbyint(x / q.scale) + static_cast<float>(q.zero_point);
  return static_cast<std::uint8_t>(std::clamp(value, 0.0F, static_cast<float>(kMaxValue)));
}

float dequantized_value(std::uint8_t value, const MapQuantization& q) {
  return static_cast<float>(value - q.zero_point) * q.scale;
}

IntegerExecutor::IntegerExecutor(QuantizedNetwork quantized) : quantized_(std::move(quantized)) {
  const Network& network = quantized_.network;
  check_quantizable(network);
  if (quantized_.layers.size() != network.layers.size())
    throw std::invalid_argument("integers of another network");
  last_readers_ = last_readers_of(network);
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const Layer& layer = network.layers[i];
    const QuantizedLayer& integers = quantized_.layers[i];
    if (!is_of(integers, layer)) throw std::invalid_argument("integers of another layer");
    weights_.emplace_back();
    scalings_.emplace_back(integers);
    if (layer.op == Op::kDepthwiseConv2d)
      weights_.back() = by_tap(integers.weight, static_cast<std::size_t>(layer.ofm.channels));
    else if (layer.has_weights())
      weights_.back() = with_channels_last<std::int16_t>(integers.weight, layer.ofm.channels,
                                                         weight_channels(layer));
  }
}

IntegerMap IntegerExecutor::quantized_image(std::span<const float> image) const {
  if (image.size() != num_values(quantized_.network.input))
    throw std::invalid_argument("an image of another size than the network's input");
  IntegerMap map(image.size());
  std::transform(image.begin(), image.end(), map.begin(),
                 [&](float x) { return quantized_value(x, quantized_.input); });
  return map;
}

std::vector<IntegerMap> IntegerExecutor::maps_of(std::span<const float> image,
                                                 bool keep_all) const {
  const IntegerMap input = quantized_image(image);
  const std::vector<Layer>& layers = quantized_.network.layers;
  std::vector<IntegerMap> maps(layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    std::vector<const IntegerMap*> inputs;
    for (const int index : layers[i].inputs)
      inputs.push_back(index == kNetworkInput ? &input : &maps[static_cast<std::size_t>(index)]);
    maps[i] = layer_output(i, inputs);
    if (keep_all) continue;
    for (const int index : layers[i].inputs) {
      if (index != kNetworkInput &&
          last_readers_[static_cast<std::size_t>(index)] == static_cast<int>(i))
        IntegerMap().swap(maps[static_cast<std::size_t>(index)]);
    }
  }
  return maps;
}

std::vector<IntegerMap> IntegerExecutor::run_all(std::span<const float> image) const {
  return maps_of(image, /*keep_all=*/true);
}

IntegerMap IntegerExecutor::run(std::span<const float> image) const {
  return std::move(maps_of(image, /*keep_all=*/false).back());
}

IntegerMap IntegerExecutor::layer_output(std::size_t index,
                                         const std::vector<const IntegerMap*>& inputs) const {
  const Layer& layer = quantized_.network.layers[index];
  IntegerMap map;
  switch (layer.op) {
    case Op::kConv2d:
    case Op::kDepthwiseConv2d:
    case Op::kFullyConnected:
      map = weighted(index, *inputs[0]);
      break;
    case Op::kMaxPool:
      map = maximum(layer, *inputs[0]);
      break;
    case Op::kAvgPool:
      map = pooled(index, *inputs[0]);
      break;
    case Op::kGlobalAvgPool:
      map = mean_of_pixels(index, *inputs[0]);
      break;
    case Op::kAdd:
    case Op::kMul:
      map = combined(index, inputs);
      break;
    case Op::kConcat:
      map = joined(index, inputs);
      break;
    case Op::kChannelSplit:
    case Op::kChannelShuffle:
      map = moved_channels(layer, *inputs[0]);
      break;
    default:
      throw std::logic_error("check_quantizable() refuses this op");
  }
  const QuantizedLayer& integers = quantized_.layers[index];
  if (!integers.table.empty()) {
    for (std::uint8_t& value : map) value = after_table(integers, value);
  }
  return map;
}

std::vector<std::int32_t> IntegerExecutor::sums(std::size_t index, const IntegerMap& map) const {
  const Layer& layer = quantized_.network.layers[index];
  const Shape& out = layer.ofm;
  const std::vector<std::int16_t>& weights = weights_[index];
  const std::vector<std::int16_t> values = centred(map, quantized_.of(layer.inputs[0]).zero_point);
  std::vector<std::int32_t> result(num_values(out), 0);
  std::int32_t* pixel = result.data();
  const bool is_dense = layer.op == Op::kFullyConnected;
  const std::int64_t groups = layer.op == Op::kConv2d ? layer.groups : 1;
  const std::int64_t channels = weight_channels(layer);
  const std::int64_t outputs = out.channels / groups;
  const std::int64_t products = num_products(layer);
  std::vector<std::int16_t> patch(static_cast<std::size_t>(products));
  for (std::int64_t h = 0; h < out.height; ++h) {
    for (std::int64_t w = 0; w < out.width; ++w, pixel += out.channels) {
      if (layer.op == Op::kDepthwiseConv2d) {
        for_each_tap(layer, values.data(), h, w, [&](std::int64_t tap, const std::int16_t* x) {
          if (x != nullptr)
            add_products(x, weights.data() + tap * out.channels, pixel, out.channels);
        });
        continue;
      }
      for (std::int64_t g = 0; g < groups; ++g) {
        const std::int16_t* x = values.data();
        if (!is_dense) {
          gather_window(layer, values.data(), h, w, g * channels, channels, patch.data());
          x = patch.data();
        }
        for (std::int64_t o = g * outputs; o < (g + 1) * outputs; ++o)
          pixel[o] = dot(x, weights.data() + o * products, products);
      }
    }
  }
  return result;
}

void IntegerExecutor::set_bias(std::size_t index, std::vector<std::int32_t> bias) {
  if (bias.size() != quantized_.layers[index].bias.size())
    throw std::invalid_argument("a bias of another size");
  quantized_.layers[index].bias = std::move(bias);
}

IntegerMap IntegerExecutor::weighted(std::size_t index, const IntegerMap& map) const {
  const QuantizedLayer& layer = quantized_.layers[index];
  const std::vector<std::int32_t> all = sums(index, map);
  const std::int32_t* biases = layer.bias.empty() ? nullptr : layer.bias.data();
  IntegerMap result(all.size());
  for (std::size_t i = 0; i < all.size(); i += layer.factors.size())
    scale_sums(scalings_[index], all.data() + i, biases, result.data() + i);
  return result;
}

IntegerMap IntegerExecutor::pooled(std::size_t index, const IntegerMap& map) const {
  const Layer& layer = quantized_.network.layers[index];
  const Shape& out = layer.ofm;
  const std::int64_t zero_point = quantized_.of(layer.inputs[0]).zero_point;
  std::vector<std::int64_t> totals(static_cast<std::size_t>(out.channels));
  IntegerMap result;
  result.reserve(num_values(out));
  for (std::int64_t h = 0; h < out.height; ++h) {
    for (std::int64_t w = 0; w < out.width; ++w) {
      std::fill(totals.begin(), totals.end(), 0);
      for_each_tap(layer, map.data(), h, w, [&](std::int64_t, const std::uint8_t* values) {
        if (values == nullptr) return;  // zeros
        for (std::size_t c = 0; c < totals.size(); ++c) totals[c] += values[c] - zero_point;
      });
      for (const std::int64_t total : totals)
        result.push_back(mean_value(quantized_.layers[index], total));
    }
  }
  return result;
}

IntegerMap IntegerExecutor::mean_of_pixels(std::size_t index, const IntegerMap& map) const {
  const Layer& layer = quantized_.network.layers[index];
  const std::int64_t zero_point = quantized_.of(layer.inputs[0]).zero_point;
  std::vector<std::int64_t> totals(static_cast<std::size_t>(layer.ofm.channels), 0);
  for (std::size_t i = 0; i < map.size(); i += totals.size()) {
    for (std::size_t c = 0; c < totals.size(); ++c) totals[c] += map[i + c] - zero_point;
  }
  IntegerMap result;
  for (const std::int64_t total : totals)
    result.push_back(mean_value(quantized_.layers[index], total));
  return result;
}

IntegerMap IntegerExecutor::combined(std::size_t index,
                                     const std::vector<const IntegerMap*>& inputs) const {
  const Layer& layer = quantized_.network.layers[index];
  const QuantizedLayer& integers = quantized_.layers[index];
  const auto channels = static_cast<std::size_t>(layer.ofm.channels);
  IntegerMap result(num_values(layer.ofm));
  // A value a channel is repeated for every pixel.
  const std::size_t first_step = inputs[0]->size() == result.size() ? channels : 0;
  const std::size_t second_step = inputs[1]->size() == result.size() ? channels : 0;
  const std::int64_t first_zero = quantized_.of(layer.inputs[0]).zero_point;
  const std::int64_t second_zero = quantized_.of(layer.inputs[1]).zero_point;
  const std::uint8_t* first = inputs[0]->data();
  const std::uint8_t* second = inputs[1]->data();
  for (std::size_t i = 0; i < result.size(); i += channels) {
    for (std::size_t c = 0; c < channels; ++c)
      result[i + c] =
          combined_value(layer.op, integers, first[c] - first_zero, second[c] - second_zero);
    first += first_step;
    second += second_step;
  }
  return result;
}

IntegerMap IntegerExecutor::joined(std::size_t index,
                                   const std::vector<const IntegerMap*>& inputs) const {
  const Layer& layer = quantized_.network.layers[index];
  const auto pixels = static_cast<std::size_t>(layer.ofm.height * layer.ofm.width);
  IntegerMap result;
  result.reserve(num_values(layer.ofm));
  for (std::size_t p = 0; p < pixels; ++p) {
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      const std::size_t channels = inputs[k]->size() / pixels;
      const std::int64_t zero_point = quantized_.of(layer.inputs[k]).zero_point;
      for (std::size_t c = 0; c < channels; ++c) {
        const std::int64_t value = (*inputs[k])[p * channels + c] - zero_point;
        result.push_back(joined_value(quantized_.layers[index], k, value));
      }
    }
  }
  return result;
}

}  // namespace tilewake
