// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "nas/quantization/executor_loops.hpp"
#include "nas/quantization/quantized_network.hpp"

namespace tilewake {

/// rows x columns x channels
using IntegerMap = std::vector<std::uint8_t>;

/// Runs a quantized network by the arithmetic that README.md specifies: the same integers on every
/// machine.
class IntegerExecutor {
 public:
  /// Throws InputError as check_quantizable(), std::invalid_argument for integers of another
  /// network.
  explicit IntegerExecutor(QuantizedNetwork quantized);

  /// The last layer's output for one normalised image (rows x columns x channels).
  IntegerMap run(std::span<const float> image) const;

  /// The outputs of all layers.
  std::vector<IntegerMap> run_all(std::span<const float> image) const;

  /// The image as the first layers read it.
  IntegerMap quantized_image(std::span<const float> image) const;

  /// Output of layer `index` from its inputs.
  IntegerMap layer_output(std::size_t index, const std::vector<const IntegerMap*>& inputs) const;

  /// Sums of products of a layer with weights, without its bias: rows x columns x outputs.
  std::vector<std::int32_t> sums(std::size_t index, const IntegerMap& map) const;

  /// Replaces the bias of layer `index`, which has one of this size.
  void set_bias(std::size_t index, std::vector<std::int32_t> bias);

  const QuantizedNetwork& quantized() const { return quantized_; }

 private:
  std::vector<IntegerMap> maps_of(std::span<const float> image, bool keep_all) const;
  IntegerMap weighted(std::size_t index, const IntegerMap& map) const;
  IntegerMap pooled(std::size_t index, const IntegerMap& map) const;
  IntegerMap mean_of_pixels(std::size_t index, const IntegerMap& map) const;
  IntegerMap combined(std::size_t index, const std::vector<const IntegerMap*>& inputs) const;
  IntegerMap joined(std::size_t index, const std::vector<const IntegerMap*>& inputs) const;

  QuantizedNetwork quantized_;
  // With the channels of a tap together: outputs x products; depthwise: taps x channels.
  std::vector<std::vector<std::int16_t>> weights_;
  std::vector<OutputScaling> scalings_;  // of layers with weights
  std::vector<int> last_readers_;
};

/// The value of a float in a map: to the nearest integer, ties to even, as ONNX's QuantizeLinear.
std::uint8_t quantized_value(float x, const MapQuantization& q);

/// The float of a value, as ONNX's DequantizeLinear.
float dequantized_value(std::uint8_t value, const MapQuantization& q);

}  // namespace tilewake
