// SPDX-License-Identifier: Apache-2.0
#include "nas/data/resample.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <gtest/gtest.h>

#include "tests/nas/data/data_files.hpp"
#include "tests/support/random.hpp"

namespace tilewake {
namespace {

Image resized(const Image& image, const Window& window, int side) {
  Resampler resampler;
  Image result;
  resampler.resample(image, window, side, result);
  EXPECT_EQ(result.channels, image.channels);
  EXPECT_EQ(result.height, side);
  EXPECT_EQ(result.width, side);
  return result;
}

Window whole(const Image& image) {
  return {0, 0, static_cast<double>(image.height), static_cast<double>(image.width)};
}

// The definition, one output value at a time: every input pixel, weighted by a triangle in y times
// one in x around the place of the output pixel.
double by_definition(const Image& image, const Window& window, int side, int y, int x,
                     int channel) {
  const auto triangle = [&](int k, int i, double begin, double length, int size) {
    const double step = length / side;
    const double centre = std::clamp(begin + (i + 0.5) * step, 0.5, size - 0.5);
    return std::max(0.0, 1.0 - std::abs(k + 0.5 - centre) / std::max(1.0, step));
  };
  double sum = 0.0;
  double sum_of_weights = 0.0;
  for (int r = 0; r < image.height; ++r) {
    for (int c = 0; c < image.width; ++c) {
      const double weight = triangle(r, y, window.top, window.height, image.height) *
                            triangle(c, x, window.left, window.width, image.width);
      sum +=
          weight *
          image.pixels[static_cast<std::size_t>((r * image.width + c) * image.channels + channel)];
      sum_of_weights += weight;
    }
  }
  return sum / sum_of_weights;
}

TEST(Resample, EqualsItsDefinition) {
  Random random(1);
  const auto fraction = [&] { return static_cast<double>(random.below(1000)) / 1000.0; };
  for (int i = 0; i < 60; ++i) {
    const Image image =
        random_image(random.one_in(2) ? 1 : 3, static_cast<int>(random.between(1, 30)),
                     static_cast<int>(random.between(1, 30)), static_cast<std::uint64_t>(i));
    Window window{0, 0, image.height * (0.05 + 0.95 * fraction()),
                  image.width * (0.05 + 0.95 * fraction())};
    window.top = (image.height - window.height) * fraction();
    window.left = (image.width - window.width) * fraction();
    const int side = static_cast<int>(random.between(1, 20));
    const Image result = resized(image, window, side);
    std::size_t k = 0;
    for (int y = 0; y < side; ++y)
      for (int x = 0; x < side; ++x)
        for (int c = 0; c < image.channels; ++c)
          ASSERT_NEAR(result.pixels[k++], by_definition(image, window, side, y, x, c), 0.51);
  }
}

TEST(Resample, SameSizeChangesNothing) {
  const Image image = random_image(3, 17, 17, 2);
  EXPECT_EQ(resized(image, whole(image), 17).pixels, image.pixels);
}

TEST(Resample, WholePixelWindowOfTheSameSizeIsACrop) {
  const Image image = random_image(1, 20, 30, 3);
  const Image crop = resized(image, {4, 7, 10, 10}, 10);
  for (std::size_t y = 0; y < 10; ++y)
    for (std::size_t x = 0; x < 10; ++x)
      EXPECT_EQ(crop.pixels[y * 10 + x], image.pixels[(y + 4) * 30 + x + 7]);
}

TEST(Resample, ConstantImageStaysConstant) {
  for (const int value : {0, 1, 128, 255}) {
    const Image image{1, 9, 23, Bytes(9 * 23, static_cast<std::uint8_t>(value))};
    for (const int side : {1, 2, 7, 50})
      for (const std::uint8_t pixel : resized(image, whole(image), side).pixels)
        ASSERT_EQ(pixel, value);
  }
}

// A ramp is reproduced where the weights are symmetric: when enlarging, and when shrinking by a
// whole number, as far from the edge as the triangle reaches.
TEST(Resample, RampStaysARamp) {
  Image image{1, 64, 64, {}};
  for (int y = 0; y < 64; ++y)
    for (int x = 0; x < 64; ++x) image.pixels.push_back(static_cast<std::uint8_t>(2 * x + y));
  for (const int side : {16, 32, 100, 128}) {
    const Image result = resized(image, whole(image), side);
    const double step = 64.0 / side;
    const int edge = side / 16 + 1;
    for (int y = edge; y < side - edge; ++y)
      for (int x = edge; x < side - edge; ++x)
        ASSERT_NEAR(result.pixels[static_cast<std::size_t>(y * side + x)],
                    2 * ((x + 0.5) * step - 0.5) + (y + 0.5) * step - 0.5, 0.51);
  }
}

TEST(Resample, ShrinkingDoesNotAlias) {
  Image image{1, 64, 64, {}};
  for (int i = 0; i < 64 * 64; ++i)
    image.pixels.push_back((i / 64 + i) % 2 == 0 ? std::uint8_t{0} : std::uint8_t{254});
  for (const std::uint8_t pixel : resized(image, whole(image), 16).pixels)
    EXPECT_NEAR(pixel, 127, 8);
}

TEST(Resample, OnePixelFillsEverything) {
  const Image image{3, 1, 1, {10, 20, 30}};
  const Image result = resized(image, whole(image), 5);
  for (std::size_t i = 0; i < 75; ++i) EXPECT_EQ(result.pixels[i], 10 * (i % 3 + 1));
}

}  // namespace
}  // namespace tilewake
