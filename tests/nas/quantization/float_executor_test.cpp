// SPDX-License-Identifier: Apache-2.0
#include "nas/quantization/float_executor.hpp"

#include <limits>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/common/accuracy.hpp"
#include "nas/quantization/executor_accuracy.hpp"
#include "tests/nas/data/memory_data.hpp"
#include "tests/nas/quantization/quantized_networks.hpp"
#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(FloatExecutor, ComputesWhatPlainLoopsInDoublePrecisionDo) {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    SCOPED_TRACE(seed);
    const Network network = random_quantizable_network(seed);
    const LayerWeights weights = random_weights(network, seed);
    const CalibrationImages images = random_images(network, 2, seed);
    const FloatExecutor executor(network, weights);
    for (std::int64_t n = 0; n < images.count; ++n) {
      const std::vector<float> image = image_values(images, n);
      const auto expected =
          ReferenceExecutor(network, weights).run(planes_of(image, network.input.channels));
      const auto result = planes_of(executor.run(image), network.layers.back().ofm.channels);
      EXPECT_LT(largest_difference(result, expected), 1e-5);
    }
  }
}

TEST(FloatExecutor, ObserversSeeEveryLayerBeforeAndAfterItsActivation) {
  const Network network = every_quantized_op();
  const FloatExecutor executor(network, random_weights(network, 1));
  std::size_t next = 0;
  executor.run(
      random_images(network, 1, 1).image(0),
      [&](std::size_t layer, const std::vector<float>& linear, const std::vector<float>& output) {
        EXPECT_EQ(layer, next++);
        const Layer& l = network.layers[layer];
        ASSERT_EQ(linear.size(), static_cast<std::size_t>(l.ofm.num_elements()));
        for (std::size_t i = 0; i < linear.size(); ++i)
          EXPECT_EQ(output[i],
                    static_cast<float>(activated(l.activation, static_cast<double>(linear[i]))));
      });
  EXPECT_EQ(next, network.layers.size());
}

TEST(FloatExecutor, WeightsThatAreMissingOrDamagedAreRefusedByLayer) {
  const Network network = random_mixconv_network(1, true);
  const LayerWeights weights = random_weights(network, 1);
  const auto error_of = [&](const LayerWeights& changed) {
    return input_error_of([&] { FloatExecutor(network, changed); });
  };
  LayerWeights missing = weights;
  missing.erase("head");
  EXPECT_THAT(error_of(missing), HasSubstr("'head'"));
  LayerWeights shorter = weights;
  shorter.at("stem").weight.pop_back();
  EXPECT_THAT(error_of(shorter), HasSubstr("'stem'"));
  LayerWeights infinite = weights;
  infinite.at("classifier").bias[0] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(error_of(infinite), AllOf(HasSubstr("'classifier'"), HasSubstr("finite")));
}

TEST(ExecutorAccuracy, CountsImagesWhoseGreatestLogitIsTheirLabel) {
  // Logits are the channels of the only pixel; the label of an image is its index.
  const Network network = read_network_text(R"(
name: n
input: {channels: 3, height: 1, width: 1}
layers:
  - {name: fc, op: fully_connected, out_channels: 3}
)",
                                            "n.yaml");
  const LayerWeights weights = {{"fc", {{1, 0, 0, 0, 1, 0, 0, 0, 1}, {0, 0, 0}}}};
  const ImageData data = made_data(3, 3, [](std::int64_t index) {
    Image image{3, 1, 1, {10, 10, 10}};
    // The first two are right, the last one is a tie of classes 1 and 2, of which 1 is taken.
    if (index < 2)
      image.pixels[static_cast<std::size_t>(index)] = 90;
    else
      image.pixels = {10, 80, 80};
    return image;
  });
  LoaderOptions options;
  options.batch_size = 2;
  options.resolution = 1;
  ImageLoader loader(data, data.train, all_indices(*data.train), options);
  for (int threads = 1; threads <= 3; ++threads) {
    const Accuracy result = accuracy(FloatExecutor(network, weights), loader, threads);
    EXPECT_EQ(result.num_images, 3);
    EXPECT_EQ(result.num_correct, 2);
    EXPECT_EQ(result.correct, (std::vector<std::uint8_t>{1, 1, 0}));
    const CalibrationImages images = calibration_images(loader, 3);
    const IntegerExecutor integers(quantize(network, weights, images).quantized);
    EXPECT_EQ(accuracy(integers, loader, threads).correct, result.correct);
  }
}

TEST(CalibrationImages, AreTheFirstOfTheLoader) {
  const ImageData data = made_data(5, 1, [](std::int64_t index) {
    return Image{1, 2, 2, std::vector<std::uint8_t>(4, static_cast<std::uint8_t>(index))};
  });
  LoaderOptions options;
  options.batch_size = 2;
  options.resolution = 2;
  ImageLoader loader(data, data.train, all_indices(*data.train), options);
  EXPECT_EQ(calibration_images(loader, 100).count, 5);
  const CalibrationImages images = calibration_images(loader, 3);
  EXPECT_EQ(images.count, 3);
  ASSERT_EQ(images.values.size(), 12U);
  EXPECT_NEAR(images.image(2)[3], 2.0, 1e-4);
  EXPECT_EQ(images.part(1, 3).values,
            std::vector<float>(images.values.begin() + 4, images.values.end()));
}

}  // namespace
}  // namespace tilewake
