// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "nas/data/image_source.hpp"

namespace tilewake {

/// Mean and standard deviation of a channel's pixels in 0..1, over images with equal weight
/// independent of their size.
struct PixelStatistics {
  std::vector<float> mean;
  std::vector<float> stddev;
};

/// Uses all images up to 100,000; otherwise, and for photos, an evenly spread sample of 2,000;
/// deterministic. Throws InputError with the origin `where` if a channel is constant.
PixelStatistics measure_pixels(const ImageSource& images, int channels, const std::string& where);

}  // namespace tilewake
