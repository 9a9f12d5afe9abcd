// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include <gtest/gtest.h>

#include "nas/data/image_source.hpp"

namespace tilewake {
namespace {

constexpr std::size_t kPixels = 256;
constexpr double kPi = 3.14159265358979323846;

std::vector<double> centred(const ImageSource& source, std::int64_t index) {
  Image image;
  source.read(index, image);
  std::vector<double> values;
  for (const std::uint8_t pixel : image.pixels) values.push_back(pixel - 128.0);
  return values;
}

// Share of the test images for which `classify` is right.
template <typename Classify>
double accuracy(const ImageSource& test, Classify classify) {
  int num_correct = 0;
  for (std::int64_t i = 0; i < test.size(); ++i)
    num_correct += classify(centred(test, i)) == test.label(i) ? 1 : 0;
  return num_correct / static_cast<double>(test.size());
}

TEST(Synthetic, IsTwoThousandAndFiveHundredImagesOfTenClasses) {
  const ImageData data = open_image_data("synthetic");
  EXPECT_EQ(data.name, "synthetic");
  EXPECT_EQ(data.channels, 1);
  ASSERT_EQ(data.num_classes(), 10);
  EXPECT_EQ(data.classes[6], "fine 36 deg");
  ASSERT_EQ(data.train->size(), 2000);
  ASSERT_EQ(data.test->size(), 500);
  std::array<int, 10> counts{};
  for (std::int64_t i = 0; i < 500; ++i) ++counts[static_cast<std::size_t>(data.test->label(i))];
  for (const int count : counts) EXPECT_EQ(count, 50);
}

TEST(Synthetic, IsAlwaysTheSameAndNoImageRepeats) {
  const ImageData a = open_image_data("synthetic");
  const ImageData b = open_image_data("synthetic");
  Image image;
  Image other;
  for (std::int64_t i = 0; i < 2000; ++i) {
    a.train->read(i, image);
    b.train->read(i, other);
    ASSERT_EQ(image.pixels, other.pixels);
    a.test->read(i % 500, other);
    ASSERT_NE(image.pixels, other.pixels);
  }
}

// The nearest class mean, a linear classifier, must not do well. It is better than chance because
// an image is in the span of its class's gratings, but with either sign.
TEST(Synthetic, ClassMeansDoNotSeparateTheClasses) {
  const ImageData data = open_image_data("synthetic");
  std::vector<std::vector<double>> means(10, std::vector<double>(kPixels));
  for (std::int64_t i = 0; i < 2000; ++i) {
    const std::vector<double> image = centred(*data.train, i);
    for (std::size_t p = 0; p < kPixels; ++p)
      means[static_cast<std::size_t>(data.train->label(i))][p] += image[p] / 200.0;
  }
  const double share = accuracy(*data.test, [&](const std::vector<double>& image) {
    int best = 0;
    double best_distance = 1e30;
    for (std::size_t label = 0; label < 10; ++label) {
      double distance = 0.0;
      for (std::size_t p = 0; p < kPixels; ++p)
        distance += (image[p] - means[label][p]) * (image[p] - means[label][p]);
      if (distance < best_distance) {
        best_distance = distance;
        best = static_cast<int>(label);
      }
    }
    return best;
  });
  EXPECT_LT(share, 0.5);
}

// A feature that a convolution can learn: energy of the class's grating in any phase and position.
TEST(Synthetic, GratingEnergySeparatesTheClasses) {
  const ImageData data = open_image_data("synthetic");
  const auto energy = [](const std::vector<double>& image, int label, int cx, int cy) {
    const double angle = label % 5 * kPi / 5;
    const double period = label < 5 ? 8.0 : 4.0;
    double even = 0.0;
    double odd = 0.0;
    for (int y = 0; y < 16; ++y) {
      for (int x = 0; x < 16; ++x) {
        const double dx = x + 0.5 - cx;
        const double dy = y + 0.5 - cy;
        const double window = std::exp(-(dx * dx + dy * dy) / (2 * 16.0));
        const double phase = 2 * kPi / period * (dx * std::cos(angle) + dy * std::sin(angle));
        const double value = image[static_cast<std::size_t>(y * 16 + x)] * window;
        even += value * std::cos(phase);
        odd += value * std::sin(phase);
      }
    }
    return even * even + odd * odd;
  };
  const double share = accuracy(*data.test, [&](const std::vector<double>& image) {
    int best = 0;
    double best_energy = -1.0;
    for (int label = 0; label < 10; ++label) {
      for (int cy = 5; cy <= 11; cy += 3) {
        for (int cx = 5; cx <= 11; cx += 3) {
          if (energy(image, label, cx, cy) <= best_energy) continue;
          best_energy = energy(image, label, cx, cy);
          best = label;
        }
      }
    }
    return best;
  });
  EXPECT_GT(share, 0.9);
  EXPECT_LT(share, 0.999) << "too easy to distinguish networks";
}

}  // namespace
}  // namespace tilewake
