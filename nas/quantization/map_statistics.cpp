// SPDX-License-Identifier: Apache-2.0
#include "nas/quantization/map_statistics.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "nas/quantization/parallel_images.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kImagesAtOnce = 16;  // whose histograms are in memory, whatever the threads

/// Extremes of the maps of one image.
struct Extremes {
  std::vector<ValueHistogram> linear;
  std::vector<ValueHistogram> output;
  std::vector<std::vector<float>> largest;
};

void widen(ValueHistogram& histogram, std::span<const float> values) {
  for (const float x : values) {
    histogram.min = std::min(histogram.min, x);
    histogram.max = std::max(histogram.max, x);
  }
}

void merge_extremes(std::vector<ValueHistogram>& all, const std::vector<ValueHistogram>& other) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].min = std::min(all[i].min, other[i].min);
    all[i].max = std::max(all[i].max, other[i].max);
  }
}

void count_values(ValueHistogram& histogram, std::span<const float> values) {
  const double width = static_cast<double>(histogram.max) - static_cast<double>(histogram.min);
  const double per_unit = width > 0.0 ? static_cast<double>(kHistogramBins) / width : 0.0;
  for (const float x : values) {
    const double offset = (static_cast<double>(x) - static_cast<double>(histogram.min)) * per_unit;
    const auto bin = static_cast<std::size_t>(std::max(offset, 0.0));
    ++histogram.counts[std::min(bin, kHistogramBins - 1)];
  }
}

void merge_counts(std::vector<ValueHistogram>& all, const std::vector<ValueHistogram>& other) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t b = 0; b < kHistogramBins; ++b) all[i].counts[b] += other[i].counts[b];
  }
}

void check_finite(const Layer& layer, const std::vector<float>& values) {
  if (!std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); }))
    throw InputError(fmt::format(
        "int8: layer '{}': gives values that are not finite for calibration images", layer.name));
}

Extremes extremes_of(const FloatExecutor& executor, std::span<const float> image) {
  const std::vector<Layer>& layers = executor.network().layers;
  Extremes extremes;
  extremes.linear.resize(layers.size());
  extremes.output.resize(layers.size());
  extremes.largest.resize(layers.size());
  executor.run(image, [&](std::size_t i, const std::vector<float>& linear,
                          const std::vector<float>& output) {
    check_finite(layers[i], linear);
    check_finite(layers[i], output);
    widen(extremes.linear[i], linear);
    widen(extremes.output[i], output);
    std::vector<float>& largest = extremes.largest[i];
    largest.assign(static_cast<std::size_t>(layers[i].ofm.channels), 0.0F);
    for (std::size_t k = 0; k < output.size(); ++k) {
      float& most = largest[k % largest.size()];
      most = std::max(most, std::abs(output[k]));
    }
  });
  return extremes;
}

}  // namespace

CalibrationImages CalibrationImages::part(std::int64_t begin, std::int64_t end) const {
  const auto size = static_cast<std::ptrdiff_t>(values.size()) / count;
  return {end - begin, {values.begin() + begin * size, values.begin() + end * size}};
}

CalibrationImages calibration_images(ImageLoader& loader, std::int64_t max_images) {
  CalibrationImages images;
  Batch batch;
  loader.start(0);
  while (images.count < max_images && loader.next(batch)) {
    const std::int64_t taken = std::min(max_images - images.count, batch.num_images);
    const auto size = static_cast<std::ptrdiff_t>(batch.images.size()) / batch.num_images;
    images.values.insert(images.values.end(), batch.images.begin(),
                         batch.images.begin() + taken * size);
    images.count += taken;
  }
  return images;
}

void check_images(const Network& network, const CalibrationImages& images) {
  if (images.count < 1) throw InputError("int8: calibration needs at least one image");
  const std::int64_t expected = images.count * network.input.num_elements();
  if (static_cast<std::int64_t>(images.values.size()) != expected)
    throw InputError(fmt::format("int8: {} calibration images have {} values, expected {}",
                                 images.count, images.values.size(), expected));
  if (!std::all_of(images.values.begin(), images.values.end(),
                   [](float x) { return std::isfinite(x); }))
    throw InputError("int8: calibration images have values that are not finite");
}

MapStatistics map_statistics(const FloatExecutor& executor, const CalibrationImages& images,
                             int num_threads) {
  check_images(executor.network(), images);
  const std::size_t num_layers = executor.network().layers.size();
  MapStatistics all;
  all.linear.resize(num_layers);
  all.output.resize(num_layers);
  all.largest.resize(num_layers);
  widen(all.input, images.values);
  for (std::int64_t begin = 0; begin < images.count; begin += kImagesAtOnce) {
    const std::int64_t size = std::min(kImagesAtOnce, images.count - begin);
    std::vector<Extremes> parts(static_cast<std::size_t>(size));
    for_each_image(size, num_threads, [&](std::int64_t i) {
      parts[static_cast<std::size_t>(i)] = extremes_of(executor, images.image(begin + i));
    });
    for (const Extremes& part : parts) {
      merge_extremes(all.linear, part.linear);
      merge_extremes(all.output, part.output);
      for (std::size_t i = 0; i < num_layers; ++i) {
        all.largest[i].resize(part.largest[i].size(), 0.0F);
        for (std::size_t c = 0; c < part.largest[i].size(); ++c)
          all.largest[i][c] = std::max(all.largest[i][c], part.largest[i][c]);
      }
    }
  }
  all.input.counts.assign(kHistogramBins, 0);
  count_values(all.input, images.values);
  for (auto* histograms : {&all.linear, &all.output}) {
    for (ValueHistogram& histogram : *histograms) histogram.counts.assign(kHistogramBins, 0);
  }
  const std::vector<ValueHistogram> empty_linear = all.linear;
  const std::vector<ValueHistogram> empty_output = all.output;
  for (std::int64_t begin = 0; begin < images.count; begin += kImagesAtOnce) {
    const std::int64_t size = std::min(kImagesAtOnce, images.count - begin);
    std::vector<Extremes> parts(static_cast<std::size_t>(size), {empty_linear, empty_output, {}});
    for_each_image(size, num_threads, [&](std::int64_t n) {
      Extremes& part = parts[static_cast<std::size_t>(n)];
      executor.run(images.image(begin + n), [&](std::size_t i, const std::vector<float>& linear,
                                                const std::vector<float>& output) {
        count_values(part.linear[i], linear);
        count_values(part.output[i], output);
      });
    });
    for (const Extremes& part : parts) {
      merge_counts(all.linear, part.linear);
      merge_counts(all.output, part.output);
    }
  }
  return all;
}

}  // namespace tilewake
