// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

#include "nas/export/layer_weights.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// Runs a network for one image by plain loops, in double precision: what every layer is defined
/// to compute, from the definition of its window and nothing else.
class ReferenceExecutor {
 public:
  using Map = std::vector<double>;  // channels, rows, columns

  ReferenceExecutor(const Network& network, const LayerWeights& weights)
      : network_(network), weights_(weights) {}

  /// The output of the last layer.
  Map run(const Map& image) {
    image_ = image;
    outputs_.clear();
    for (const Layer& layer : network_.layers) {
      Map map = linear(layer);
      for (double& x : map) x = activate(x, layer.activation);
      outputs_.push_back(std::move(map));
    }
    return outputs_.back();
  }

 private:
  const Map& input(const Layer& layer, std::size_t i) const {
    const int index = layer.inputs[i];
    return index == kNetworkInput ? image_ : outputs_[static_cast<std::size_t>(index)];
  }

  static double activate(double x, Activation activation) {
    const double gate = std::clamp((x + 3.0) / 6.0, 0.0, 1.0);
    const double sigmoid = 1.0 / (1.0 + std::exp(-x));
    switch (activation) {
      case Activation::kNone:
        return x;
      case Activation::kRelu:
        return std::max(x, 0.0);
      case Activation::kRelu6:
        return std::clamp(x, 0.0, 6.0);
      case Activation::kHswish:
        return x * gate;
      case Activation::kSwish:
        return x * sigmoid;
      case Activation::kSigmoid:
        return sigmoid;
      case Activation::kHsigmoid:
        return gate;
      case Activation::kLeakyRelu:
        return x > 0.0 ? x : 0.01 * x;
      default:
        throw std::logic_error("the executor lacks this activation");
    }
  }

  Map linear(const Layer& layer) const {
    switch (layer.op) {
      case Op::kConv2d:
        return convolution(layer, layer.groups);
      case Op::kDepthwiseConv2d:
        return convolution(layer, layer.ifm.channels);
      case Op::kFullyConnected:
        return dense(layer);
      case Op::kMaxPool:
      case Op::kAvgPool:
        return pool(layer);
      case Op::kGlobalAvgPool:
        return means(layer);
      case Op::kAdd:
      case Op::kMul:
        return elementwise(layer);
      case Op::kConcat:
        return concat(layer);
      case Op::kChannelSplit:
        return channels_of(layer, [&](std::int64_t c) { return layer.first_channel + c; });
      case Op::kChannelShuffle:
        return channels_of(layer, [&](std::int64_t c) {
          return c % layer.groups * (layer.ifm.channels / layer.groups) + c / layer.groups;
        });
      default:
        throw std::logic_error("the executor lacks this op");
    }
  }

  /// Calls f(tap, value) for the taps of the window at (row, column) of `channel` that lie on the
  /// input; tap = kernel row x kernel width + kernel column.
  template <typename F>
  static void for_taps(const Layer& layer, const Map& map, std::int64_t channel, std::int64_t row,
                       std::int64_t column, F f) {
    const Shape& in = layer.ifm;
    for (std::int64_t kh = 0; kh < layer.kernel_height; ++kh) {
      for (std::int64_t kw = 0; kw < layer.kernel_width; ++kw) {
        const std::int64_t h =
            row * layer.stride.height + kh * layer.dilation.height - layer.padding.top;
        const std::int64_t w =
            column * layer.stride.width + kw * layer.dilation.width - layer.padding.left;
        if (h < 0 || h >= in.height || w < 0 || w >= in.width) continue;
        f(static_cast<std::size_t>(kh * layer.kernel_width + kw),
          map[static_cast<std::size_t>((channel * in.height + h) * in.width + w)]);
      }
    }
  }

  /// Calls f(channel, row, column) for every output in order; what it returns is the output.
  template <typename F>
  static Map map_of(const Shape& out, F f) {
    Map map;
    for (std::int64_t c = 0; c < out.channels; ++c) {
      for (std::int64_t h = 0; h < out.height; ++h) {
        for (std::int64_t w = 0; w < out.width; ++w) map.push_back(f(c, h, w));
      }
    }
    return map;
  }

  Map convolution(const Layer& layer, std::int64_t groups) const {
    const LayerWeight& weights = weights_.at(layer.name);
    const Map& in = input(layer, 0);
    const std::int64_t in_channels = layer.ifm.channels / groups;
    const std::int64_t out_channels = layer.ofm.channels / groups;
    const std::int64_t taps = layer.kernel_height * layer.kernel_width;
    return map_of(layer.ofm, [&](std::int64_t c, std::int64_t h, std::int64_t w) {
      double sum = layer.bias ? weights.bias[static_cast<std::size_t>(c)] : 0.0;
      for (std::int64_t ic = 0; ic < in_channels; ++ic) {
        const auto first = static_cast<std::size_t>((c * in_channels + ic) * taps);
        for_taps(layer, in, c / out_channels * in_channels + ic, h, w,
                 [&](std::size_t tap, double x) { sum += x * weights.weight[first + tap]; });
      }
      return sum;
    });
  }

  Map dense(const Layer& layer) const {
    const LayerWeight& weights = weights_.at(layer.name);
    const Map& in = input(layer, 0);
    return map_of(layer.ofm, [&](std::int64_t c, std::int64_t, std::int64_t) {
      const auto channel = static_cast<std::size_t>(c);
      double sum = layer.bias ? weights.bias[channel] : 0.0;
      for (std::size_t i = 0; i < in.size(); ++i) {
        sum += in[i] * weights.weight[channel * in.size() + i];
      }
      return sum;
    });
  }

  /// The maximum of the real inputs; the mean over the whole window, padding being zeros.
  Map pool(const Layer& layer) const {
    const Map& in = input(layer, 0);
    return map_of(layer.ofm, [&](std::int64_t c, std::int64_t h, std::int64_t w) {
      double sum = 0.0;
      double max = -std::numeric_limits<double>::infinity();
      for_taps(layer, in, c, h, w, [&](std::size_t, double x) {
        sum += x;
        max = std::max(max, x);
      });
      const auto taps = static_cast<double>(layer.kernel_height * layer.kernel_width);
      return layer.op == Op::kMaxPool ? max : sum / taps;
    });
  }

  Map means(const Layer& layer) const {
    const Map& in = input(layer, 0);
    const std::int64_t size = layer.ifm.height * layer.ifm.width;
    return map_of(layer.ofm, [&](std::int64_t c, std::int64_t, std::int64_t) {
      double sum = 0.0;
      for (std::int64_t i = 0; i < size; ++i) sum += in[static_cast<std::size_t>(c * size + i)];
      return sum / static_cast<double>(size);
    });
  }

  Map elementwise(const Layer& layer) const {
    const std::int64_t size = layer.ofm.height * layer.ofm.width;
    const auto operand = [&](std::size_t i, std::int64_t c, std::int64_t pixel) {
      const Shape& shape = network_.shape_of(layer.inputs[i]);
      const bool is_vector = shape.height == 1 && shape.width == 1;
      return input(layer, i)[static_cast<std::size_t>(is_vector ? c : c * size + pixel)];
    };
    return map_of(layer.ofm, [&](std::int64_t c, std::int64_t h, std::int64_t w) {
      const std::int64_t pixel = h * layer.ofm.width + w;
      const double a = operand(0, c, pixel);
      const double b = operand(1, c, pixel);
      return layer.op == Op::kAdd ? a + b : a * b;
    });
  }

  Map concat(const Layer& layer) const {
    Map map;
    for (std::size_t i = 0; i < layer.inputs.size(); ++i) {
      map.insert(map.end(), input(layer, i).begin(), input(layer, i).end());
    }
    return map;
  }

  /// Output channel c is input channel from(c).
  template <typename From>
  Map channels_of(const Layer& layer, From from) const {
    const Map& in = input(layer, 0);
    return map_of(layer.ofm, [&](std::int64_t c, std::int64_t h, std::int64_t w) {
      const Shape& shape = layer.ifm;
      return in[static_cast<std::size_t>((from(c) * shape.height + h) * shape.width + w)];
    });
  }

  const Network& network_;
  const LayerWeights& weights_;
  Map image_;
  std::vector<Map> outputs_;
};

}  // namespace tilewake
