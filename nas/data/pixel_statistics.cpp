// SPDX-License-Identifier: Apache-2.0
#include "nas/data/pixel_statistics.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>

#include <fmt/format.h>

#include "nas/common/random.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kMaxWholeImages = 100'000;
constexpr std::int64_t kSampleSize = 2000;
constexpr std::uint64_t kSampleSeed = 0;
constexpr int kShortSide = 128;  // pixels; sufficient for statistics, and faster to decode

// All images, or a random one of each of kSampleSize equal parts.
std::vector<std::int64_t> sample_of(const ImageSource& images) {
  const std::int64_t size = images.size();
  const bool is_whole = size <= (images.varies_in_size() ? kSampleSize : kMaxWholeImages);
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < (is_whole ? size : kSampleSize); ++i) {
    const double place =
        static_cast<double>(i) + to_unit(random_bits(kSampleSeed, std::uint64_t(i)));
    indices.push_back(is_whole ? i
                               : static_cast<std::int64_t>(place * static_cast<double>(size) /
                                                           static_cast<double>(kSampleSize)));
  }
  return indices;
}

// Sums over images of the per-image means of x and x^2.
struct Sums {
  double mean = 0.0;
  double mean_square = 0.0;
};

void add_image(const Image& image, std::vector<Sums>& sums) {
  const std::size_t channels = sums.size();
  for (std::size_t c = 0; c < channels; ++c) {
    std::uint64_t sum = 0;
    std::uint64_t sum_of_squares = 0;
    for (std::size_t i = c; i < image.pixels.size(); i += channels) {
      const std::uint64_t value = image.pixels[i];
      sum += value;
      sum_of_squares += value * value;
    }
    const double count = static_cast<double>(image.pixels.size()) / static_cast<double>(channels);
    sums[c].mean += static_cast<double>(sum) / count / 255.0;
    sums[c].mean_square += static_cast<double>(sum_of_squares) / count / (255.0 * 255.0);
  }
}

}  // namespace

PixelStatistics measure_pixels(const ImageSource& images, int channels, const std::string& where) {
  const std::vector<std::int64_t> sample = sample_of(images);
  std::vector<Sums> sums(static_cast<std::size_t>(channels));
  Image image;
  for (const std::int64_t index : sample) {
    images.read_scaled(index, kShortSide, image);
    add_image(image, sums);
  }
  PixelStatistics statistics;
  for (const Sums& sum : sums) {
    const auto count = static_cast<double>(sample.size());
    const double mean = sum.mean / count;
    const double variance = sum.mean_square / count - mean * mean;
    if (!(variance > 1e-9))  // far below one step of 1/255 in one pixel of a thousand
      throw InputError(fmt::format("{}: channel {} has the same value in all training images",
                                   where, statistics.mean.size()));
    statistics.mean.push_back(static_cast<float>(mean));
    statistics.stddev.push_back(static_cast<float>(std::sqrt(variance)));
  }
  return statistics;
}

}  // namespace tilewake
