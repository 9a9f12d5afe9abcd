// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nas/data/image_source.hpp"

namespace tilewake {

/// Mean and standard deviation of a channel's pixels in 0..1, over images with equal weight
/// independent of their size.
struct PixelStatistics {
  std::vector<float> mean;
  std::vector<float> stddev;
};

/// The statistics of images that are added one by one.
class PixelSums {
 public:
  explicit PixelSums(int channels);

  void add(const Image& image);

  /// Of the first `channels` channels. Throws InputError with the origin `where` if one of them is
  /// constant.
  PixelStatistics statistics(int channels, const std::string& where) const;

 private:
  // Sums over images of the per-image means of x and x^2.
  struct Sums {
    double mean = 0.0;
    double mean_square = 0.0;
  };
  std::vector<Sums> sums_;
  std::int64_t num_images_ = 0;
};

/// Ascending indices from 0 to size - 1: a random one of each of `count` equal parts, always the
/// same; all indices if `count` is at least `size`.
std::vector<std::int64_t> spread_sample(std::int64_t size, std::int64_t count);

/// Uses all images up to 100,000, otherwise an evenly spread sample of 2,000; deterministic. Throws
/// InputError with the origin `where` if a channel is constant.
PixelStatistics measure_pixels(const ImageSource& images, int channels, const std::string& where);

}  // namespace tilewake
