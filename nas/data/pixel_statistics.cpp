// SPDX-License-Identifier: Apache-2.0
#include "nas/data/pixel_statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include <fmt/format.h>

#include "nas/common/random.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kMaxWholeImages = 100'000;
constexpr std::int64_t kSampleSize = 2000;
constexpr std::uint64_t kSampleSeed = 0;

}  // namespace

PixelSums::PixelSums(int channels) : sums_(static_cast<std::size_t>(channels)) {}

void PixelSums::add(const Image& image) {
  const std::size_t channels = sums_.size();
  for (std::size_t c = 0; c < channels; ++c) {
    std::uint64_t sum = 0;
    std::uint64_t sum_of_squares = 0;
    for (std::size_t i = c; i < image.pixels.size(); i += channels) {
      const std::uint64_t value = image.pixels[i];
      sum += value;
      sum_of_squares += value * value;
    }
    const double count = static_cast<double>(image.pixels.size()) / static_cast<double>(channels);
    sums_[c].mean += static_cast<double>(sum) / count / 255.0;
    sums_[c].mean_square += static_cast<double>(sum_of_squares) / count / (255.0 * 255.0);
  }
  ++num_images_;
}

PixelStatistics PixelSums::statistics(int channels, const std::string& where) const {
  PixelStatistics statistics;
  for (std::size_t c = 0; c < static_cast<std::size_t>(channels); ++c) {
    const auto count = static_cast<double>(num_images_);
    const double mean = sums_[c].mean / count;
    const double variance = sums_[c].mean_square / count - mean * mean;
    if (!(variance > 1e-9))  // far below one step of 1/255 in one pixel of a thousand
      throw InputError(
          fmt::format("{}: channel {} has the same value in all training images", where, c));
    statistics.mean.push_back(static_cast<float>(mean));
    statistics.stddev.push_back(static_cast<float>(std::sqrt(variance)));
  }
  return statistics;
}

std::vector<std::int64_t> spread_sample(std::int64_t size, std::int64_t count) {
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < std::min(size, count); ++i) {
    const double place =
        static_cast<double>(i) + to_unit(random_bits(kSampleSeed, std::uint64_t(i)));
    indices.push_back(count >= size ? i
                                    : static_cast<std::int64_t>(place * static_cast<double>(size) /
                                                                static_cast<double>(count)));
  }
  return indices;
}

PixelStatistics measure_pixels(const ImageSource& images, int channels, const std::string& where) {
  const std::int64_t size = images.size();
  PixelSums sums(channels);
  Image image;
  for (const std::int64_t index :
       spread_sample(size, size <= kMaxWholeImages ? size : kSampleSize)) {
    images.read(index, image);
    sums.add(image);
  }
  return sums.statistics(channels, where);
}

}  // namespace tilewake
