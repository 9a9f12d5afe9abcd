// SPDX-License-Identifier: Apache-2.0
#include "nas/quantization/integer_executor.hpp"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "tests/nas/quantization/quantized_networks.hpp"

namespace tilewake {
namespace {

/// The real numbers of a map, as planes.
std::vector<double> real_planes(const IntegerMap& map, std::int64_t channels,
                                const MapQuantization& q) {
  std::vector<double> values = planes_of(map, channels);
  for (double& x : values) x = (x - q.zero_point) * static_cast<double>(q.scale);
  return values;
}

/// What a layer computes in real numbers from real inputs and the weights that its integers stand
/// for, before its activation, by the plain loops of ReferenceExecutor.
std::vector<double> linear_result(const QuantizedNetwork& quantized, std::size_t index,
                                  const std::vector<std::vector<double>>& inputs) {
  Layer layer = quantized.network.layers[index];
  const QuantizedLayer& integers = quantized.layers[index];
  if (layer.op == Op::kConcat) {
    std::vector<double> all;
    for (const auto& input : inputs) all.insert(all.end(), input.begin(), input.end());
    return all;
  }
  if (layer.is_elementwise()) {
    std::vector<double> result(static_cast<std::size_t>(layer.ofm.num_elements()));
    const auto pixels = static_cast<std::size_t>(layer.ofm.height * layer.ofm.width);
    const auto operand = [&](std::size_t k, std::size_t i) {
      return inputs[k].size() == result.size() ? inputs[k][i] : inputs[k][i / pixels];
    };
    for (std::size_t i = 0; i < result.size(); ++i)
      result[i] =
          layer.op == Op::kAdd ? operand(0, i) + operand(1, i) : operand(0, i) * operand(1, i);
    return result;
  }
  // The bias is added here: one of 32 bits does not fit into a float.
  layer.activation = Activation::kNone;
  LayerWeights weights;
  const auto input_scale = static_cast<double>(quantized.of(layer.inputs[0]).scale);
  if (layer.has_weights()) {
    LayerWeight& values = weights[layer.name];
    for (const std::int8_t w : integers.weight) values.weight.push_back(static_cast<float>(w));
    layer.bias = false;
  }
  Network single;
  single.input = layer.ifm;
  layer.inputs = {kNetworkInput};
  single.layers = {layer};
  std::vector<double> result = ReferenceExecutor(single, weights).run(inputs[0]);
  if (!layer.has_weights()) return result;
  const auto pixels = static_cast<std::size_t>(layer.ofm.height * layer.ofm.width);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const std::size_t o = i / pixels;
    const auto unit = static_cast<double>(integers.weight_scale[o]);
    const double bias = integers.bias.empty() ? 0.0 : integers.bias[o] * input_scale;
    result[i] = (result[i] + bias) * unit;
  }
  return result;
}

/// Compares every layer with the nearest level of the real result of the same integer inputs.
/// Levels may differ by one where the real result is within 1e-5 of a tie.
void expect_nearest_levels(const QuantizedNetwork& quantized, const std::vector<float>& image) {
  const IntegerExecutor executor(quantized);
  const Network& network = quantized.network;
  const IntegerMap input = executor.quantized_image(image);
  const std::vector<IntegerMap> maps = executor.run_all(image);
  for (std::size_t i = 0; i < maps.size(); ++i) {
    const Layer& layer = network.layers[i];
    const QuantizedLayer& integers = quantized.layers[i];
    SCOPED_TRACE(layer.name);
    std::vector<std::vector<double>> inputs;
    for (const int index : layer.inputs)
      inputs.push_back(
          real_planes(index == kNetworkInput ? input : maps[static_cast<std::size_t>(index)],
                      network.shape_of(index).channels, quantized.of(index)));
    const std::vector<double> linear = linear_result(quantized, i, inputs);
    const std::vector<double> output = planes_of(maps[i], layer.ofm.channels);
    ASSERT_EQ(output.size(), linear.size());
    for (std::size_t k = 0; k < linear.size(); ++k) {
      double real = linear[k];
      const bool is_bound =
          layer.activation == Activation::kRelu || layer.activation == Activation::kRelu6;
      if (is_bound) real = activated(layer.activation, real);
      const double exact =
          real / static_cast<double>(integers.linear.scale) + integers.linear.zero_point;
      double level = std::clamp(std::nearbyint(exact), 0.0, 255.0);
      const double to_tie = std::abs(std::abs(exact - std::floor(exact)) - 0.5);
      double other = to_tie < 1e-5 ? std::clamp(2.0 * exact - level, 0.0, 255.0) : level;
      other = std::nearbyint(other);
      if (has_table(layer)) {
        const auto through_table = [&](double q) {
          const double x =
              (q - integers.linear.zero_point) * static_cast<double>(integers.linear.scale);
          return std::clamp(std::nearbyint(activated(layer.activation, x) /
                                           static_cast<double>(integers.output.scale)) +
                                integers.output.zero_point,
                            0.0, 255.0);
        };
        level = through_table(level);
        other = through_table(other);
        // Entries of the table are rounded from single precision.
        EXPECT_LE(std::min(std::abs(output[k] - level), std::abs(output[k] - other)), 1.0);
      } else {
        EXPECT_TRUE(output[k] == level || output[k] == other)
            << output[k] << " instead of " << exact;
      }
    }
  }
}

TEST(IntegerExecutor, GivesTheNearestLevelOfWhatItsIntegersStandFor) {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    SCOPED_TRACE(seed);
    const Network network = random_quantizable_network(seed);
    const CalibrationImages images = random_images(network, 4, seed);
    QuantizationOptions options;
    options.ranges = kRangeMethodNames[seed % 3].second;
    options.equalize = seed % 2 == 1;
    options.correct_bias = seed % 5 == 1;
    const QuantizationResult result =
        quantize(network, random_weights(network, seed), images, options);
    expect_nearest_levels(result.quantized, image_values(images, 0));
    expect_nearest_levels(result.quantized, image_values(random_images(network, 1, seed + 99), 0));
  }
}

TEST(IntegerExecutor, PartsOfAConcatAreJoinedWithoutRounding) {
  const Network network = every_quantized_op();
  const CalibrationImages images = random_images(network, 4, 3);
  const QuantizedNetwork quantized =
      quantize(network, random_weights(network, 3), images).quantized;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    if (network.layers[i].name == "shifted") {  // the others have more readers
      const auto& both = quantized.layers[10];
      EXPECT_EQ(network.layers[10].name, "both");
      EXPECT_EQ(quantized.layers[i].output, both.output);
    }
  }
}

TEST(IntegerExecutor, ImagesAreRoundedAsOnnxDoes) {
  const MapQuantization q{0.5F, 3};
  EXPECT_EQ(quantized_value(0.25F, q), 3);   // 0.5: the even neighbour is 0
  EXPECT_EQ(quantized_value(0.75F, q), 5);   // 1.5: 2
  EXPECT_EQ(quantized_value(-0.75F, q), 1);  // -1.5: -2
  EXPECT_EQ(quantized_value(-9.0F, q), 0);
  EXPECT_EQ(quantized_value(1e30F, q), 255);
  EXPECT_EQ(dequantized_value(5, q), 1.0F);
}

TEST(IntegerExecutor, IntegersOfAnotherNetworkAreRefused) {
  const Network network = random_mixconv_network(1, false);
  QuantizedNetwork quantized =
      quantize(network, random_weights(network, 1), random_images(network, 2, 1)).quantized;
  QuantizedNetwork shorter = quantized;
  shorter.layers.pop_back();
  EXPECT_THROW(IntegerExecutor{shorter}, std::invalid_argument);
  quantized.layers[0].weight.pop_back();
  EXPECT_THROW(IntegerExecutor{quantized}, std::invalid_argument);
}

}  // namespace
}  // namespace tilewake
