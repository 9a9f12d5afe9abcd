// SPDX-License-Identifier: Apache-2.0
#include "nas/quantization/quantize.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/quantization/bias_correction.hpp"
#include "nas/quantization/equalization.hpp"
#include "nas/quantization/qdq_onnx.hpp"
#include "simulator/network/onnx/onnx_reader.hpp"
#include "tests/nas/quantization/quantized_networks.hpp"
#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Quantize, LogitsAreNearThoseOfTheFloatNetwork) {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const Network network = random_quantizable_network(seed);
    const QuantizationResult result =
        quantize(network, random_weights(network, seed), random_images(network, 16, seed));
    // A share of the square: networks of random weights amplify errors.
    EXPECT_LT(result.chosen.error, 0.05) << seed;
    EXPECT_EQ(result.tried.size(), 12U);
    for (const QuantizationChoice& choice : result.tried)
      EXPECT_GE(choice.error, result.chosen.error);
  }
}

TEST(Quantize, ResultDoesNotDependOnTheNumberOfThreads) {
  const Network network = random_mixconv_network(2, true);
  const LayerWeights weights = random_weights(network, 2);
  const CalibrationImages images = random_images(network, 20, 2);
  QuantizationOptions options;
  const QuantizationResult one = quantize(network, weights, images, options);
  options.num_threads = 3;
  const QuantizationResult three = quantize(network, weights, images, options);
  EXPECT_EQ(qdq_model(one.quantized), qdq_model(three.quantized));
  EXPECT_EQ(one.chosen.text(), three.chosen.text());
  EXPECT_EQ(one.chosen.error, three.chosen.error);
}

TEST(Quantize, AChannelWithoutWeightsKeepsItsBias) {
  const Network network = network_of(R"(
  - {name: a, op: conv2d, out_channels: 3, kernel: 1}
  - {name: pool, op: global_avg_pool}
)");
  LayerWeights weights = random_weights(network, 4);
  for (std::size_t i = 0; i < 4; ++i) weights.at("a").weight[i] = 0.0F;
  for (std::size_t i = 4; i < 8; ++i) weights.at("a").weight[i] = 1e-30F;
  weights.at("a").bias = {2.0F, -1.0F, 0.5F};
  const CalibrationImages images = random_images(network, 4, 4);
  for (const bool is_corrected : {false, true}) {
    QuantizationOptions options;
    options.correct_bias = is_corrected;
    options.ranges = RangeMethod::kMinMax;
    const QuantizedNetwork quantized = quantize(network, weights, images, options).quantized;
    const IntegerMap map = IntegerExecutor(quantized).run(images.image(0));
    const MapQuantization& q = quantized.layers.back().output;
    EXPECT_NEAR(dequantized_value(map[0], q), 2.0, 1.01 * static_cast<double>(q.scale));
    EXPECT_NEAR(dequantized_value(map[1], q), -1.0, 1.01 * static_cast<double>(q.scale));
  }
}

TEST(Quantize, MapsThatAreZeroStayZero) {
  const Network network = network_of(R"(
  - {name: a, op: conv2d, out_channels: 3, kernel: 3, activation: relu}
  - {name: b, op: conv2d, out_channels: 2, kernel: 1}
  - {name: pool, op: global_avg_pool}
)");
  LayerWeights weights = random_weights(network, 4);
  weights.at("a").weight.assign(weights.at("a").weight.size(), 0.0F);
  weights.at("a").bias = {-1.0F, -1.0F, 0.0F};
  weights.at("b").bias = {1.0F, 0.0F};
  const CalibrationImages images = random_images(network, 4, 4);
  const QuantizedNetwork quantized = quantize(network, weights, images).quantized;
  const IntegerMap map = IntegerExecutor(quantized).run(images.image(0));
  EXPECT_NEAR(dequantized_value(map[0], quantized.layers.back().output), 1.0, 0.01);
  EXPECT_EQ(dequantized_value(map[1], quantized.layers.back().output), 0.0F);
}

TEST(Quantize, ImagesOfAnotherSizeOrThatAreNotFiniteAreRefused) {
  const Network network = random_mixconv_network(1, false);
  const LayerWeights weights = random_weights(network, 1);
  const auto error_of = [&](const CalibrationImages& images) {
    return input_error_of([&] { quantize(network, weights, images); });
  };
  EXPECT_THAT(error_of({}), HasSubstr("at least one"));
  CalibrationImages images = random_images(network, 2, 1);
  images.values.pop_back();
  EXPECT_THAT(error_of(images), HasSubstr("expected"));
  images.values.push_back(std::numeric_limits<float>::quiet_NaN());
  EXPECT_THAT(error_of(images), HasSubstr("finite"));
  LayerWeights large = weights;
  for (float& w : large.at("stem").weight) w = 1e38F;
  EXPECT_THAT(input_error_of([&] { quantize(network, large, random_images(network, 1, 1)); }),
              AllOf(HasSubstr("'stem'"), HasSubstr("finite")));
}

TEST(Quantize, WhatHasNoIntegerArithmeticIsRefusedByName) {
  const auto error_of = [](const std::string& layers) {
    return input_error_of([&] { check_quantizable(network_of(layers)); });
  };
  const std::string stem = "  - {name: stem, op: conv2d, out_channels: 8, kernel: 3}\n";
  EXPECT_THAT(error_of(stem + "  - {name: wide, op: avg_pool, kernel: 3, dilation: 2}\n"),
              AllOf(HasSubstr("'wide'"), HasSubstr("dilated")));
  EXPECT_THAT(error_of(stem + "  - {name: soft, op: softmax}\n"),
              AllOf(HasSubstr("'soft'"), HasSubstr("softmax")));
  EXPECT_THAT(
      error_of(stem + "  - {name: g, op: conv2d, out_channels: 8, kernel: 1, activation: gelu}\n"),
      AllOf(HasSubstr("'g'"), HasSubstr("gelu")));
  EXPECT_THAT(error_of(stem + "  - {name: rows, op: concat, inputs: [stem, stem], axis: rows}\n"),
              AllOf(HasSubstr("'rows'"), HasSubstr("concat")));
  EXPECT_THAT(error_of(stem + "  - {name: other, op: max_pool, kernel: 2}\n"
                              "  - {name: end, op: global_avg_pool, inputs: [stem]}\n"),
              AllOf(HasSubstr("'other'"), HasSubstr("output")));
  const std::string large =
      "name: n\ninput: {channels: 1000, height: 7, width: 7}\nlayers:\n"
      "  - {name: fc, op: fully_connected, out_channels: 2}\n";
  EXPECT_THAT(input_error_of([&] { check_quantizable(read_network_text(large, "n.yaml")); }),
              AllOf(HasSubstr("'fc'"), HasSubstr("32 bits")));
}

TEST(ValueRange, OfMinMaxHoldsAllValuesAndZero) {
  ValueHistogram histogram{1.0F, 5.0F, std::vector<std::int64_t>(kHistogramBins, 1)};
  const ValueRange none{-1e9, 1e9};
  EXPECT_EQ(range_of(histogram, RangeMethod::kMinMax, none).low, 0.0);
  EXPECT_EQ(range_of(histogram, RangeMethod::kMinMax, none).high, 5.0);
  const ValueRange limited = range_of(histogram, RangeMethod::kMinMax, {-3.0, 3.0});
  EXPECT_EQ(limited.high, 3.0);
}

TEST(ValueRange, OfPercentileAndMseLeavesOutRareOutliers) {
  // Uniform in -1..1, one value in a million at 10.
  ValueHistogram histogram{-1.0F, 10.0F, std::vector<std::int64_t>(kHistogramBins, 0)};
  const auto bin_of = [](double x) {
    return static_cast<std::size_t>((x + 1.0) / 11.0 * static_cast<double>(kHistogramBins));
  };
  for (std::size_t b = 0; b < bin_of(1.0); ++b) histogram.counts[b] = 3'000;
  histogram.counts.back() = 1;
  const ValueRange none{-1e9, 1e9};
  const ValueRange percentile = range_of(histogram, RangeMethod::kPercentile, none);
  EXPECT_NEAR(percentile.high, 1.0, 0.02);
  EXPECT_NEAR(percentile.low, -1.0, 0.02);
  EXPECT_LT(range_of(histogram, RangeMethod::kMse, none).high, 8.0);
}

TEST(ValueRange, ZeroIsALevelAndTheRangeIsCovered) {
  for (const ValueRange range : {ValueRange{-1.0, 3.0}, ValueRange{0.0, 6.0}, ValueRange{-2.5, 0.0},
                                 ValueRange{-0.001, 40.0}}) {
    const MapQuantization q = quantization_of(range);
    EXPECT_EQ(dequantized_value(static_cast<std::uint8_t>(q.zero_point), q), 0.0F);
    EXPECT_NEAR(dequantized_value(0, q), range.low, 0.501 * static_cast<double>(q.scale));
    EXPECT_NEAR(dequantized_value(255, q), range.high, 0.501 * static_cast<double>(q.scale));
  }
  EXPECT_EQ(quantization_of({0.0, 0.0}), MapQuantization{});
}

TEST(Equalization, ChangesWeightsAndNotTheFunction) {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const Network network = random_quantizable_network(seed);
    const LayerWeights weights = random_weights(network, seed);
    const CalibrationImages images = random_images(network, 3, seed);
    const FloatExecutor given(network, weights);
    const LayerWeights changed =
        equalized_weights(network, weights, map_statistics(given, images, 1));
    const FloatExecutor equalized(network, changed);
    bool is_changed = false;
    for (const auto& [name, values] : weights)
      is_changed = is_changed || changed.at(name).weight != values.weight;
    EXPECT_TRUE(is_changed) << seed;
    for (std::int64_t n = 0; n < images.count; ++n) {
      const std::vector<float> expected = given.run(images.image(n));
      EXPECT_LT(largest_difference(equalized.run(images.image(n)),
                                   std::vector<double>(expected.begin(), expected.end())),
                1e-5);
    }
  }
}

/// Weights of the same function as random_weights() whose maps between a, b and c have channels
/// that differ in size by up to 30.
LayerWeights uneven_weights(const Network& network, std::uint64_t seed) {
  LayerWeights weights = random_weights(network, seed);
  Random random(seed);
  const auto channels = weights.at("a").bias.size();
  for (std::size_t c = 0; c < channels; ++c) {
    const auto scale = [&](const std::string& name, float weight_factor, float bias_factor) {
      LayerWeight& values = weights.at(name);
      const std::size_t products = values.weight.size() / channels;
      for (std::size_t k = c * products; k < (c + 1) * products; ++k)
        values.weight[k] *= weight_factor;
      values.bias[c] *= bias_factor;
    };
    const float after_a = 1.0F / static_cast<float>(random.between(1, 30));
    const float after_b = 1.0F / static_cast<float>(random.between(1, 30));
    scale("a", after_a, after_a);
    scale("b", after_b / after_a, after_b);
    std::vector<float>& reader = weights.at("c").weight;
    for (std::size_t k = c; k < reader.size(); k += channels) reader[k] /= after_b;
  }
  return weights;
}

TEST(Equalization, ReducesTheErrorOfChannelsOfUnequalSize) {
  const Network network = network_of(R"(
  - {name: a, op: conv2d, out_channels: 24, kernel: 1, activation: relu}
  - {name: b, op: depthwise_conv2d, kernel: 3, activation: relu}
  - {name: c, op: conv2d, out_channels: 8, kernel: 1}
  - {name: pool, op: global_avg_pool}
  - {name: fc, op: fully_connected, out_channels: 5}
)");
  double with = 0.0;
  double without = 0.0;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    QuantizationOptions options;
    options.ranges = RangeMethod::kMinMax;
    options.correct_bias = false;
    const QuantizationResult result =
        quantize(network, uneven_weights(network, seed), random_images(network, 16, seed), options);
    ASSERT_EQ(result.tried.size(), 2U);
    without += result.tried[0].error;
    with += result.tried[1].error;
  }
  EXPECT_LT(with, 0.5 * without);
}

TEST(BiasCorrection, MakesMeansOfChannelsThoseOfTheFloatNetwork) {
  const Network network = random_mixconv_network(3, false);
  const LayerWeights weights = random_weights(network, 3);
  const CalibrationImages images = random_images(network, 6, 3);
  const FloatExecutor reference(network, weights);
  IntegerExecutor executor(quantized_network(
      network, weights,
      map_ranges(network, map_statistics(reference, images, 1), RangeMethod::kMinMax)));
  correct_bias(executor, reference, images, 2);
  const QuantizedNetwork& quantized = executor.quantized();
  std::vector<std::vector<double>> expected(network.layers.size());
  std::vector<std::vector<double>> actual(network.layers.size());
  const auto add_means = [](std::vector<double>& means, const auto& map, std::int64_t channels) {
    means.resize(static_cast<std::size_t>(channels), 0.0);
    const double pixels = static_cast<double>(map.size()) / static_cast<double>(channels);
    for (std::size_t i = 0; i < map.size(); ++i)
      means[i % means.size()] += static_cast<double>(map[i]) / pixels;
  };
  for (std::int64_t n = 0; n < images.count; ++n) {
    reference.run(images.image(n),
                  [&](std::size_t i, const std::vector<float>& linear, const std::vector<float>&) {
                    add_means(expected[i], linear, network.layers[i].ofm.channels);
                  });
    const IntegerMap image = executor.quantized_image(images.image(n));
    const std::vector<IntegerMap> maps = executor.run_all(images.image(n));
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
      const Layer& layer = network.layers[i];
      if (!layer.has_weights()) continue;
      const int input = layer.inputs[0];
      add_means(
          actual[i],
          executor.sums(i, input == kNetworkInput ? image : maps[static_cast<std::size_t>(input)]),
          layer.ofm.channels);
    }
  }
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const Layer& layer = network.layers[i];
    if (!layer.has_weights()) continue;
    for (std::size_t c = 0; c < actual[i].size(); ++c) {
      const double unit = static_cast<double>(quantized.of(layer.inputs[0]).scale) *
                          static_cast<double>(quantized.layers[i].weight_scale[c]);
      const double count = static_cast<double>(images.count);
      EXPECT_NEAR(actual[i][c] / count + quantized.layers[i].bias[c], expected[i][c] / count / unit,
                  0.501)
          << layer.name << " " << c;
    }
  }
}

TEST(QdqModel, IsReadAsTheNetworkThatWasQuantized) {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const Network network = random_quantizable_network(seed);
    const QuantizedNetwork quantized =
        quantize(network, random_weights(network, seed), random_images(network, 2, seed)).quantized;
    const Network read = read_onnx(qdq_model(quantized), "m.onnx").network;
    ASSERT_EQ(read.layers.size(), network.layers.size()) << seed;
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
      EXPECT_EQ(read.layers[i].name, network.layers[i].name);
      EXPECT_EQ(read.layers[i].op, network.layers[i].op) << network.layers[i].name;
      EXPECT_EQ(read.layers[i].activation, network.layers[i].activation) << network.layers[i].name;
      EXPECT_EQ(read.layers[i].ofm, network.layers[i].ofm) << network.layers[i].name;
    }
  }
}

TEST(Quantize, IntegersOfAModelInQdqFormAreReadAsTheyWereWritten) {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    const Network network = random_quantizable_network(seed);
    const CalibrationImages images = random_images(network, 8, seed);
    const QuantizedNetwork written =
        quantize(network, random_weights(network, seed), images).quantized;
    const QuantizedNetwork read = read_qdq_model(qdq_model(written), "q.onnx", network);
    EXPECT_EQ(qdq_model(read), qdq_model(written));
    const IntegerExecutor first(written);
    const IntegerExecutor second(read);
    for (std::int64_t i = 0; i < images.count; ++i)
      EXPECT_EQ(first.run_all(images.image(i)), second.run_all(images.image(i))) << seed;
  }
}

TEST(Quantize, ChangedModelsInQdqFormAreReadOrRefused) {
  const Network network = every_quantized_op();
  const CalibrationImages images = random_images(network, 4, 1);
  const std::string bytes =
      qdq_model(quantize(network, random_weights(network, 1), images).quantized);
  Random random(1);
  int num_refused = 0;
  for (int i = 0; i < 500; ++i) {
    std::string changed = bytes;
    for (int k = 0; k < 8; ++k)
      changed[random.below(changed.size())] = static_cast<char>(random.below(256));
    const std::string error = input_error_of(
        [&] { IntegerExecutor(read_qdq_model(changed, "q.onnx", network)).run(images.image(0)); });
    num_refused += error == "no error" ? 0 : 1;
    if (error != "no error") {
      EXPECT_THAT(error, HasSubstr("q.onnx"));
    }
  }
  EXPECT_GT(num_refused, 0);
  EXPECT_THAT(input_error_of([&] { read_qdq_model(bytes, "q.onnx", random_shuffle_network(1)); }),
              HasSubstr("q.onnx"));
}

}  // namespace
}  // namespace tilewake
