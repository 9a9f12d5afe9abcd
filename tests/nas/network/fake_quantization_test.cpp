// SPDX-License-Identifier: Apache-2.0
#include "nas/network/fake_quantization.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "nas/quantization/integer_executor.hpp"
#include "tests/nas/quantization/quantized_networks.hpp"
#include "tests/nas/supernet/torch_test.hpp"

namespace tilewake {
namespace {

using FakeQuantizationTest = TorchTest;

/// N x C x H x W
torch::Tensor tensor_of_images(const CalibrationImages& images, const Shape& input) {
  return torch::tensor(images.values)
      .reshape({images.count, input.height, input.width, input.channels})
      .permute({0, 3, 1, 2})
      .contiguous();
}

QuantizationResult quantized_alike(const Network& network, std::uint64_t seed,
                                   const CalibrationImages& images) {
  QuantizationOptions options;
  options.correct_bias = false;  // the integers are those of the weights
  return quantize(network, random_weights(network, seed), images, options);
}

TEST_F(FakeQuantizationTest, LogitsAreTheLevelsOfTheIntegers) {
  std::int64_t equal = 0;
  std::int64_t total = 0;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    const Network network = random_quantizable_network(seed);
    const CalibrationImages images = random_images(network, 4, seed);
    const QuantizationResult result = quantized_alike(network, seed, images);
    FakeQuantNetwork fake(network, result.weights, result.ranges);
    fake->eval();
    const torch::Tensor logits = fake->forward(tensor_of_images(images, network.input));
    const IntegerExecutor executor(result.quantized);
    const MapQuantization& q = result.quantized.layers.back().output;
    for (std::int64_t n = 0; n < images.count; ++n) {
      const IntegerMap levels = executor.run(images.image(n));
      for (std::size_t k = 0; k < levels.size(); ++k) {
        const auto level =
            std::lround(logits[n][static_cast<std::int64_t>(k)].item<float>() / q.scale +
                        static_cast<float>(q.zero_point));
        EXPECT_LE(std::abs(level - levels[k]), 8) << seed;
        equal += level == levels[k] ? 1 : 0;
        ++total;
      }
    }
  }
  // Rounded biases and the order of sums move some results over a tie, and networks of random
  // weights amplify that.
  EXPECT_GT(static_cast<double>(equal), 0.6 * static_cast<double>(total));
}

TEST_F(FakeQuantizationTest, WeightsAndRangesComeBackUnchanged) {
  const Network network = every_quantized_op();
  const LayerWeights weights = random_weights(network, 1);
  const QuantizationResult result = quantized_alike(network, 1, random_images(network, 4, 1));
  FakeQuantNetwork fake(network, result.weights, result.ranges);
  for (const auto& [name, values] : fake->layer_weights()) {
    EXPECT_EQ(values.weight, result.weights.at(name).weight) << name;
    EXPECT_EQ(values.bias, result.weights.at(name).bias) << name;
  }
  const MapRanges ranges = fake->map_ranges();
  EXPECT_EQ(ranges.input.high, result.ranges.input.high);
  for (std::size_t i = 0; i < network.layers.size(); ++i)
    EXPECT_EQ(ranges.output[i].low, result.ranges.output[i].low);
}

TEST_F(FakeQuantizationTest, GradientsPassTheRounding) {
  // Of one convolution whose maps are not clipped, the gradient is that of the rounded input.
  const Network network = network_of(
      "  - {name: a, op: conv2d, out_channels: 5, kernel: 1}\n"
      "  - {name: pool, op: global_avg_pool}\n");
  MapRanges ranges;
  ranges.input = {-8.0, 8.0};
  ranges.linear = ranges.output = {{-100.0, 100.0}, {-100.0, 100.0}};
  FakeQuantNetwork fake(network, random_weights(network, 1), ranges);
  const torch::Tensor images = torch::randn({3, 4, 9, 7});
  fake->forward(images).sum().backward();
  const MapQuantization q = quantization_of(ranges.input);
  const torch::Tensor rounded = torch::fake_quantize_per_tensor_affine(
      images, static_cast<double>(q.scale), q.zero_point, 0, 255);
  const torch::Tensor expected = rounded.mean({2, 3}).sum(0);  // a channel of the input
  for (const auto& item : fake->named_parameters()) {
    const torch::Tensor gradient = item.value().grad();
    if (item.value().dim() == 1)
      EXPECT_TRUE(torch::allclose(gradient, torch::full_like(gradient, 3.0)));
    else
      EXPECT_TRUE(torch::allclose(gradient, expected.reshape({1, 4, 1, 1}).expand_as(gradient),
                                  1e-4, 1e-4));
  }
}

TEST_F(FakeQuantizationTest, RangesMoveOnlyWhileTheyAreObserved) {
  const Network network = every_quantized_op();
  const CalibrationImages images = random_images(network, 4, 1);
  const QuantizationResult result = quantized_alike(network, 1, images);
  FakeQuantNetwork fake(network, result.weights, result.ranges);
  const torch::Tensor larger = 3.0 * tensor_of_images(images, network.input);
  const auto high = [&] { return fake->map_ranges().output[0].high; };
  const double begin = high();
  fake->forward(larger);
  fake->observes = true;
  fake->eval();
  fake->forward(larger);
  EXPECT_EQ(high(), begin);
  fake->train();
  fake->forward(tensor_of_images(images, network.input));  // sets the share of the extremes
  const double same = high();
  EXPECT_NEAR(same, begin, 0.02 * begin);
  EXPECT_EQ(fake->map_ranges().input.high, result.ranges.input.high);
  fake->observes = false;
  fake->forward(larger);
  EXPECT_EQ(high(), same);
}

TEST_F(FakeQuantizationTest, TrainingReducesTheLoss) {
  const Network network = random_mixconv_network(2, true);
  const CalibrationImages images = random_images(network, 16, 2);
  const QuantizationResult result = quantized_alike(network, 2, images);
  FakeQuantNetwork fake(network, result.weights, result.ranges);
  const torch::Tensor batch = tensor_of_images(images, network.input);
  const torch::Tensor labels = torch::arange(16) % 10;
  torch::optim::SGD optimizer(fake->parameters(), torch::optim::SGDOptions(0.02).momentum(0.9));
  double first = 0.0;
  double last = 0.0;
  for (int step = 0; step < 60; ++step) {
    fake->observes = step < 30;
    optimizer.zero_grad();
    const torch::Tensor loss = torch::nn::functional::cross_entropy(fake->forward(batch), labels);
    loss.backward();
    optimizer.step();
    last = loss.item<double>();
    if (step == 0) first = last;
  }
  EXPECT_LT(last, 0.7 * first);
  // What was trained is what the integers compute.
  const QuantizedNetwork quantized =
      quantized_network(network, fake->layer_weights(), fake->map_ranges());
  const IntegerExecutor executor(quantized);
  fake->eval();
  const torch::Tensor predicted = fake->forward(batch).argmax(1);
  int agreeing = 0;
  for (std::int64_t n = 0; n < images.count; ++n) {
    const IntegerMap map = executor.run(images.image(n));
    const auto label = std::max_element(map.begin(), map.end()) - map.begin();
    agreeing += label == predicted[n].item<std::int64_t>() ? 1 : 0;
  }
  EXPECT_GE(agreeing, 15);
}

}  // namespace
}  // namespace tilewake
