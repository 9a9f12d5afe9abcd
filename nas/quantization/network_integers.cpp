// SPDX-License-Identifier: Apache-2.0
#include "nas/quantization/network_integers.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "nas/quantization/integer_executor.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

constexpr double kMaxWeight = 127.0;
constexpr int kNumTableEntries = 256;

/// Sets the scales of the maps, layer by layer.
class ScaleSetter {
 public:
  ScaleSetter(const Network& network, const MapRanges& ranges)
      : network_(network), ranges_(ranges), readers_(readers_of(network)) {}

  MapScales make() const {
    MapScales scales;
    scales.input = quantization_of(ranges_.input);
    for (std::size_t i = 0; i < network_.layers.size(); ++i) {
      const Layer& layer = network_.layers[i];
      const int index = layer.inputs[0];
      const MapQuantization input =
          index == kNetworkInput ? scales.input : scales.output[static_cast<std::size_t>(index)];
      scales.output.push_back(keeps_scale(layer) ? input : output_of(i));
      if (!has_table(layer))
        scales.linear.push_back(scales.output.back());
      else
        scales.linear.push_back(layer.op == Op::kMaxPool ? input
                                                         : quantization_of(ranges_.linear[i]));
    }
    return scales;
  }

 private:
  /// Parts of a concat are stored as the concat is, so that joining them rounds nothing.
  MapQuantization output_of(std::size_t i) const {
    if (readers_[i].size() == 1) {
      const auto reader = static_cast<std::size_t>(readers_[i][0]);
      const Layer& layer = network_.layers[reader];
      if (layer.op == Op::kConcat && layer.activation == Activation::kNone)
        return output_of(reader);
    }
    return quantization_of(ranges_.output[i]);
  }

  const Network& network_;
  const MapRanges& ranges_;
  std::vector<std::vector<int>> readers_;
};

/// Weight integers of a layer whose input has this scale.
using WeightSource = std::function<WeightIntegers(std::size_t layer, double input_scale)>;

/// Makes the integers of one network, layer by layer.
class NetworkQuantizer {
 public:
  NetworkQuantizer(const Network& network, MapScales scales, WeightSource weights)
      : weights_(std::move(weights)), scales_(std::move(scales)) {
    result_.network = network;
    result_.input = scales_.input;
    result_.layers.resize(network.layers.size());
  }

  QuantizedNetwork make() {
    for (std::size_t i = 0; i < result_.layers.size(); ++i) {
      try {
        add_layer(i);
      } catch (const std::out_of_range&) {
        throw InputError(
            fmt::format("int8: layer '{}': the scales of its maps and weights differ too much for "
                        "a fixed-point factor; its weights or those before it are degenerate",
                        layer_of(i).name));
      }
    }
    return std::move(result_);
  }

 private:
  const Layer& layer_of(std::size_t i) const { return result_.network.layers[i]; }

  void add_layer(std::size_t i) {
    const Layer& layer = layer_of(i);
    QuantizedLayer& integers = result_.layers[i];
    integers.linear = scales_.linear[i];
    integers.output = scales_.output[i];
    if (has_table(layer))
      add_table(layer, integers);
    else
      add_bounds(layer, integers);
    if (layer.has_weights()) return add_weights(i, integers);
    add_factors(layer, integers);
  }

  static void add_bounds(const Layer& layer, QuantizedLayer& integers) {
    const bool is_relu = layer.activation != Activation::kNone;
    if (is_relu) integers.low = integers.linear.zero_point;
    if (layer.activation != Activation::kRelu6) return;
    const double six = std::nearbyint(6.0 / static_cast<double>(integers.linear.scale));
    integers.high = static_cast<std::int32_t>(
        std::min<double>(integers.linear.zero_point + six, integers.high));
  }

  static void add_table(const Layer& layer, QuantizedLayer& integers) {
    for (int q = 0; q < kNumTableEntries; ++q) {
      const float x = dequantized_value(static_cast<std::uint8_t>(q), integers.linear);
      integers.table.push_back(
          quantized_value(activated_entry(layer.activation, x), integers.output));
    }
  }

  void add_weights(std::size_t i, QuantizedLayer& integers) const {
    const auto input_scale = static_cast<double>(result_.of(layer_of(i).inputs[0]).scale);
    WeightIntegers weights = weights_(i, input_scale);
    integers.weight = std::move(weights.weight);
    integers.weight_scale = std::move(weights.weight_scale);
    integers.bias = std::move(weights.bias);
    for (const float scale : integers.weight_scale)
      integers.factors.push_back(fixed_factor(input_scale * static_cast<double>(scale) /
                                              static_cast<double>(integers.linear.scale)));
  }

  void add_factors(const Layer& layer, QuantizedLayer& integers) const {
    const auto input = [&](std::size_t k) {
      return static_cast<double>(result_.of(layer.inputs[k]).scale);
    };
    const auto linear = static_cast<double>(integers.linear.scale);
    switch (layer.op) {
      case Op::kAvgPool:
        integers.factors = {fixed_factor(
            input(0) / (linear * static_cast<double>(layer.kernel_height * layer.kernel_width)))};
        return;
      case Op::kGlobalAvgPool:
        integers.factors = {fixed_factor(
            input(0) / (linear * static_cast<double>(layer.ifm.height * layer.ifm.width)))};
        return;
      case Op::kAdd:
        integers.pair = fixed_pair(input(0) / linear, input(1) / linear);
        return;
      case Op::kMul:
        integers.factors = {fixed_factor(input(0) * input(1) / linear)};
        return;
      case Op::kConcat:
        for (std::size_t k = 0; k < layer.inputs.size(); ++k)
          integers.factors.push_back(fixed_factor(input(k) / linear));
        return;
      default:
        return;  // max_pool and moved channels
    }
  }

  WeightSource weights_;
  MapScales scales_;
  QuantizedNetwork result_;
};

/// The integers of float weights: the largest of each output channel is the last level.
WeightIntegers weight_integers(const Layer& layer, const LayerWeight& values, double input_scale) {
  WeightIntegers integers;
  const auto num_outputs = static_cast<std::size_t>(layer.ofm.channels);
  const std::size_t products = values.weight.size() / num_outputs;
  for (std::size_t o = 0; o < num_outputs; ++o) {
    double largest = 0.0;
    for (std::size_t k = o * products; k < (o + 1) * products; ++k)
      largest = std::max(largest, std::abs(static_cast<double>(values.weight[k])));
    const double bias = layer.bias ? static_cast<double>(values.bias[o]) : 0.0;
    // A channel without weights to speak of has a scale in which its bias fits.
    const double least = std::abs(bias) / (input_scale * kMaxQuantizedBias);
    auto scale = static_cast<float>(std::max(largest / kMaxWeight, least * (1.0 + 1e-6)));
    if (scale < std::numeric_limits<float>::min()) scale = 1.0F;
    integers.weight_scale.push_back(scale);
    const auto step = static_cast<double>(scale);
    for (std::size_t k = o * products; k < (o + 1) * products; ++k) {
      const double w = std::nearbyint(static_cast<double>(values.weight[k]) / step);
      integers.weight.push_back(static_cast<std::int8_t>(std::clamp(w, -kMaxWeight, kMaxWeight)));
    }
    if (layer.bias)
      integers.bias.push_back(
          static_cast<std::int32_t>(std::nearbyint(bias / (input_scale * step))));
  }
  return integers;
}

void check_scale(const Layer& layer, const MapQuantization& q) {
  if (std::isfinite(q.scale) && q.scale >= std::numeric_limits<float>::min() && q.zero_point >= 0 &&
      q.zero_point <= 255)
    return;
  throw InputError(fmt::format("int8: layer '{}': scale {} or zero point {} out of range",
                               layer.name, q.scale, q.zero_point));
}

void check_integers(const Layer& layer, const WeightIntegers& integers) {
  const auto check = [&](bool is_right, const char* what) {
    if (!is_right) throw InputError(fmt::format("int8: layer '{}': {}", layer.name, what));
  };
  const auto num_outputs = static_cast<std::size_t>(layer.ofm.channels);
  check(static_cast<std::int64_t>(integers.weight.size()) == layer.num_weights() &&
            integers.weight_scale.size() == num_outputs &&
            integers.bias.size() == (layer.bias ? num_outputs : 0),
        "weights of another size");
  for (const std::int8_t weight : integers.weight) check(weight != -128, "a weight of -128");
  for (const float scale : integers.weight_scale)
    check(std::isfinite(scale) && scale >= std::numeric_limits<float>::min(),
          "a scale of weights out of range");
  for (const std::int32_t bias : integers.bias)
    check(bias >= -kMaxQuantizedBias && bias <= kMaxQuantizedBias, "a bias out of range");
}

}  // namespace

MapRanges map_ranges(const Network& network, const MapStatistics& statistics, RangeMethod method) {
  const ValueRange all = argument_limits(Activation::kNone);
  MapRanges ranges;
  // Pixels of images have a known range, of which every value matters.
  ranges.input = range_of(statistics.input, RangeMethod::kMinMax, all);
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    ranges.linear.push_back(
        range_of(statistics.linear[i], method, argument_limits(network.layers[i].activation)));
    // The greatest logit decides, so none is clipped.
    const bool is_last = i + 1 == network.layers.size();
    ranges.output.push_back(
        range_of(statistics.output[i], is_last ? RangeMethod::kMinMax : method, all));
  }
  return ranges;
}

MapScales map_scales(const Network& network, const MapRanges& ranges) {
  return ScaleSetter(network, ranges).make();
}

QuantizedNetwork quantized_network(const Network& network, const LayerWeights& weights,
                                   const MapRanges& ranges) {
  const WeightSource source = [&](std::size_t i, double input_scale) {
    const Layer& layer = network.layers[i];
    return weight_integers(layer, weights.at(layer.name), input_scale);
  };
  return NetworkQuantizer(network, map_scales(network, ranges), source).make();
}

QuantizedNetwork quantized_network(const Network& network, const MapScales& scales,
                                   const std::vector<WeightIntegers>& weights) {
  check_scale(network.layers.front(), scales.input);
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const Layer& layer = network.layers[i];
    check_scale(layer, scales.linear[i]);
    check_scale(layer, scales.output[i]);
    const int index = layer.inputs[0];
    const MapQuantization& input =
        index == kNetworkInput ? scales.input : scales.output[static_cast<std::size_t>(index)];
    if (keeps_scale(layer) && scales.output[i] != input)
      throw InputError(fmt::format("int8: layer '{}': changes the scale of its input", layer.name));
    if (layer.has_weights()) check_integers(layer, weights[i]);
  }
  const WeightSource source = [&](std::size_t i, double) { return weights[i]; };
  return NetworkQuantizer(network, scales, source).make();
}

}  // namespace tilewake
