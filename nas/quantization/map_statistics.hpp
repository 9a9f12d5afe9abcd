// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "nas/data/image_loader.hpp"
#include "nas/quantization/float_executor.hpp"
#include "nas/quantization/quantized_network.hpp"

namespace tilewake {

/// Normalised images, each rows x columns x channels.
struct CalibrationImages {
  std::int64_t count = 0;
  std::vector<float> values;

  std::span<const float> image(std::int64_t index) const {
    const std::size_t size = values.size() / static_cast<std::size_t>(count);
    return std::span(values).subspan(static_cast<std::size_t>(index) * size, size);
  }
  /// The images from `begin` to `end` - 1.
  CalibrationImages part(std::int64_t begin, std::int64_t end) const;
};

/// The first `max_images` images of the loader's first epoch, or all where it has fewer.
CalibrationImages calibration_images(ImageLoader& loader, std::int64_t max_images);

/// Throws InputError unless there are images, of the input of `network` and finite.
void check_images(const Network& network, const CalibrationImages& images);

inline constexpr std::size_t kHistogramBins = 2048;

/// How often values occur between the least and the greatest.
struct ValueHistogram {
  float min = 0.0F;
  float max = 0.0F;
  std::vector<std::int64_t> counts;  // of equal parts of min..max
};

/// Values of a network's maps, as some images make them.
struct MapStatistics {
  ValueHistogram input;
  std::vector<ValueHistogram> linear;  // a layer, before its activation
  std::vector<ValueHistogram> output;
  std::vector<std::vector<float>> largest;  // magnitude of each channel of a layer's output
};

/// Two passes over the images: extremes, then histograms. The result does not depend on the number
/// of threads. Throws InputError naming the layer where values are not finite.
MapStatistics map_statistics(const FloatExecutor& executor, const CalibrationImages& images,
                             int num_threads);

}  // namespace tilewake
