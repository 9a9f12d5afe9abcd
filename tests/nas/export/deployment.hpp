// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <fmt/format.h>

#include "nas/export/preprocessing.hpp"
#include "simulator/network/network.hpp"
#include "tests/support/random.hpp"

namespace tilewake {

inline Preprocessing random_preprocessing(const Network& network, std::uint64_t seed) {
  Random random(seed);
  Preprocessing p;
  p.channels = static_cast<int>(network.input.channels);
  p.height = static_cast<int>(network.input.height);
  p.width = static_cast<int>(network.input.width);
  for (int c = 0; c < p.channels; ++c) {
    p.mean.push_back(0.01F * static_cast<float>(random.between(10, 90)));
    p.stddev.push_back(0.01F * static_cast<float>(random.between(10, 40)));
  }
  for (std::int64_t i = 0; i < network.layers.back().ofm.num_elements(); ++i)
    p.labels.push_back(fmt::format("class {}", i));
  return p;
}

/// Values 0 to 255 of `count` images in the layout, and what the network gets of them: N x C x H x
/// W, as training normalises.
struct DeployedImages {
  std::vector<std::uint8_t> values;
  std::vector<std::int64_t> dims;
  std::vector<float> normalised;
};

inline DeployedImages random_deployed_images(const Preprocessing& p, ImageLayout layout, int count,
                                             std::uint64_t seed) {
  Random random(seed);
  DeployedImages images;
  const bool is_nhwc = layout == ImageLayout::kNhwc;
  images.dims = is_nhwc ? std::vector<std::int64_t>{count, p.height, p.width, p.channels}
                        : std::vector<std::int64_t>{count, p.channels, p.height, p.width};
  const int size = count * p.channels * p.height * p.width;
  for (int i = 0; i < size; ++i)
    images.values.push_back(static_cast<std::uint8_t>(random.between(0, 255)));
  for (int n = 0; n < count; ++n) {
    for (int c = 0; c < p.channels; ++c) {
      for (int pixel = 0; pixel < p.height * p.width; ++pixel) {
        const int at = is_nhwc ? (n * p.height * p.width + pixel) * p.channels + c
                               : (n * p.channels + c) * p.height * p.width + pixel;
        const float value = static_cast<float>(images.values[static_cast<std::size_t>(at)]);
        const auto channel = static_cast<std::size_t>(c);
        images.normalised.push_back((value / 255.0F - p.mean[channel]) / p.stddev[channel]);
      }
    }
  }
  return images;
}

/// Softmax of each image's logits.
inline std::vector<double> scores_of(const std::vector<double>& logits, std::size_t num_classes) {
  std::vector<double> scores;
  for (std::size_t i = 0; i < logits.size(); i += num_classes) {
    double sum = 0.0;
    for (std::size_t k = 0; k < num_classes; ++k) sum += std::exp(logits[i + k]);
    for (std::size_t k = 0; k < num_classes; ++k) scores.push_back(std::exp(logits[i + k]) / sum);
  }
  return scores;
}

}  // namespace tilewake
