// SPDX-License-Identifier: Apache-2.0
#include "nas/data/resample.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace tilewake {

void Resampler::fill_axis(double begin, double length, int input_size, int side, Axis& axis) {
  axis.taps.resize(static_cast<std::size_t>(side));
  axis.weights.clear();
  const double step = length / side;
  const double reach = std::max(1.0, step);
  for (int i = 0; i < side; ++i) {
    // In coordinates with the centre of pixel k at k; the nearest pixel is always in range.
    const double centre =
        std::clamp(begin + (i + 0.5) * step - 0.5, 0.0, static_cast<double>(input_size - 1));
    Taps& taps = axis.taps[static_cast<std::size_t>(i)];
    taps.first = std::max(0, static_cast<int>(std::floor(centre - reach)) + 1);
    taps.count = std::min(input_size, static_cast<int>(std::ceil(centre + reach))) - taps.first;
    taps.weights = axis.weights.size();
    double sum = 0.0;
    for (int k = taps.first; k < taps.first + taps.count; ++k)
      sum += 1.0 - std::abs(k - centre) / reach;
    for (int k = taps.first; k < taps.first + taps.count; ++k)
      axis.weights.push_back(static_cast<float>((1.0 - std::abs(k - centre) / reach) / sum));
  }
}

void Resampler::resample(const Image& image, const Window& window, int side, Image& result) {
  fill_axis(window.left, window.width, image.width, side, horizontal_);
  fill_axis(window.top, window.height, image.height, side, vertical_);
  const int first_row = vertical_.taps.front().first;
  const int end_row = vertical_.taps.back().first + vertical_.taps.back().count;
  shrink_rows(image, first_row, end_row - first_row, side);

  result.channels = image.channels;
  result.height = side;
  result.width = side;
  const std::size_t row_values =
      static_cast<std::size_t>(side) * static_cast<std::size_t>(image.channels);
  result.pixels.resize(row_values * static_cast<std::size_t>(side));
  shrink_columns(first_row, row_values, result);
}

void Resampler::shrink_rows(const Image& image, int first_row, int num_rows, int side) {
  const auto channels = static_cast<std::size_t>(image.channels);
  const std::size_t input_values = static_cast<std::size_t>(image.width) * channels;
  rows_.resize(static_cast<std::size_t>(num_rows) * static_cast<std::size_t>(side) * channels);
  float* to = rows_.data();
  for (int y = first_row; y < first_row + num_rows; ++y) {
    const std::uint8_t* row = image.pixels.data() + static_cast<std::size_t>(y) * input_values;
    for (const Taps& taps : horizontal_.taps) {
      const std::uint8_t* from = row + static_cast<std::size_t>(taps.first) * channels;
      const float* weights = horizontal_.weights.data() + taps.weights;
      for (std::size_t c = 0; c < channels; ++c) {
        float sum = 0.0F;
        for (int k = 0; k < taps.count; ++k)
          sum += weights[k] * static_cast<float>(from[static_cast<std::size_t>(k) * channels + c]);
        *to++ = sum;
      }
    }
  }
}

void Resampler::shrink_columns(int first_row, std::size_t row_values, Image& result) const {
  std::vector<float> sums(row_values);
  std::uint8_t* to = result.pixels.data();
  for (const Taps& taps : vertical_.taps) {
    std::fill(sums.begin(), sums.end(), 0.5F);  // for rounding
    for (int k = 0; k < taps.count; ++k) {
      const float weight = vertical_.weights[taps.weights + static_cast<std::size_t>(k)];
      const float* row =
          rows_.data() + static_cast<std::size_t>(taps.first + k - first_row) * row_values;
      for (std::size_t i = 0; i < row_values; ++i) sums[i] += weight * row[i];
    }
    for (const float sum : sums) *to++ = static_cast<std::uint8_t>(std::clamp(sum, 0.0F, 255.0F));
  }
}

}  // namespace tilewake
