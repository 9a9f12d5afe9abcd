// SPDX-License-Identifier: Apache-2.0
#include "nas/data/pixel_statistics.hpp"

#include <cmath>
#include <cstddef>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "tests/nas/data/data_files.hpp"
#include "tests/nas/data/memory_data.hpp"
#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

TEST(MeasurePixels, EqualsTheDefinitionOverAllPixels) {
  const MadeImages images(40, [](std::int64_t index) {
    return random_image(3, 5, 7, static_cast<std::uint64_t>(index));
  });
  const PixelStatistics statistics = measure_pixels(images, 3, "made");
  ASSERT_EQ(statistics.mean.size(), 3U);
  ASSERT_EQ(statistics.stddev.size(), 3U);
  for (std::size_t c = 0; c < 3; ++c) {
    const auto mean_of = [&](auto f) {
      double sum = 0.0;
      for (std::uint64_t i = 0; i < 40; ++i) {
        const Image image = random_image(3, 5, 7, i);
        for (std::size_t p = c; p < image.pixels.size(); p += 3) sum += f(image.pixels[p] / 255.0);
      }
      return sum / (40 * 35);
    };
    const double mean = mean_of([](double x) { return x; });
    const double variance = mean_of([&](double x) { return (x - mean) * (x - mean); });
    EXPECT_NEAR(statistics.mean[c], mean, 1e-6);
    EXPECT_NEAR(statistics.stddev[c], std::sqrt(variance), 1e-6);
  }
}

TEST(MeasurePixels, LargeImageCountsAsMuchAsASmallOne) {
  const MadeImages images(2, [](std::int64_t index) {
    const int side = index == 0 ? 2 : 40;
    return Image{1, side, side,
                 Bytes(static_cast<std::size_t>(side * side),
                       index == 0 ? std::uint8_t{0} : std::uint8_t{255})};
  });
  const PixelStatistics statistics = measure_pixels(images, 1, "made");
  EXPECT_NEAR(statistics.mean[0], 0.5, 1e-6);
  EXPECT_NEAR(statistics.stddev[0], 0.5, 1e-6);
}

TEST(MeasurePixels, LargeSetIsSampledEvenlyAndAlwaysTheSame) {
  std::set<std::int64_t> seen;
  int num_read = 0;
  const MadeImages images(1'000'000, [&](std::int64_t index) {
    seen.insert(index);
    ++num_read;
    return Image{1, 1, 1, {static_cast<std::uint8_t>(index & 255)}};
  });
  measure_pixels(images, 1, "made");
  EXPECT_EQ(num_read, 2000);
  ASSERT_EQ(seen.size(), 2000U);
  std::int64_t part = 0;
  for (const std::int64_t index : seen) EXPECT_EQ(index / 500, part++);
  measure_pixels(images, 1, "made");
  EXPECT_EQ(seen.size(), 2000U);
}

TEST(MeasurePixels, ConstantChannelIsRefused) {
  const MadeImages images(3, [](std::int64_t index) {
    return Image{2, 1, 1, {static_cast<std::uint8_t>(index), 200}};
  });
  EXPECT_EQ(input_error_of([&] { measure_pixels(images, 2, "made"); }),
            "made: channel 1 has the same value in all training images");
}

}  // namespace
}  // namespace tilewake
