// SPDX-License-Identifier: Apache-2.0
#include "nas/quantization/value_range.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>

namespace tilewake {
namespace {

constexpr double kPercentileTail = 1e-4;
constexpr double kNumSteps = 255.0;
// Of the range with the least error: an end is from 20 to 100 % of the extreme.
constexpr int kShrinkSteps = 40;
constexpr double kShrinkStep = 0.02;
constexpr float kLeastScale = 1e-30F;  // so that ratios of scales are finite

double centre_of(const ValueHistogram& histogram, std::size_t bin) {
  const auto min = static_cast<double>(histogram.min);
  const auto max = static_cast<double>(histogram.max);
  return min + (max - min) * (static_cast<double>(bin) + 0.5) / static_cast<double>(kHistogramBins);
}

/// The range without the outermost values.
ValueRange percentile_range(const ValueHistogram& histogram) {
  const auto total = static_cast<double>(
      std::accumulate(histogram.counts.begin(), histogram.counts.end(), std::int64_t{0}));
  const double tail = kPercentileTail * total;
  const auto min = static_cast<double>(histogram.min);
  const double width =
      (static_cast<double>(histogram.max) - min) / static_cast<double>(kHistogramBins);
  std::size_t first = 0;
  for (double sum = 0.0; first + 1 < kHistogramBins; ++first) {
    sum += static_cast<double>(histogram.counts[first]);
    if (sum > tail) break;
  }
  std::size_t last = kHistogramBins - 1;
  for (double sum = 0.0; last > first; --last) {
    sum += static_cast<double>(histogram.counts[last]);
    if (sum > tail) break;
  }
  return {min + static_cast<double>(first) * width, min + static_cast<double>(last + 1) * width};
}

/// Expected squared error of values in the range, rounded, and of others, clipped.
double squared_error(const ValueHistogram& histogram, const ValueRange& range,
                     const ValueRange& limits) {
  const double step = (range.high - range.low) / kNumSteps;
  const double rounding = step * step / 12.0;  // of a uniform error of +-step/2
  double error = 0.0;
  for (std::size_t b = 0; b < kHistogramBins; ++b) {
    if (histogram.counts[b] == 0) continue;
    const double x = std::clamp(centre_of(histogram, b), limits.low, limits.high);
    const double clipped = x - std::clamp(x, range.low, range.high);
    error += static_cast<double>(histogram.counts[b]) * (rounding + clipped * clipped);
  }
  return error;
}

}  // namespace

std::string_view to_string(RangeMethod method) {
  return std::find_if(kRangeMethodNames.begin(), kRangeMethodNames.end(),
                      [&](const auto& entry) { return entry.second == method; })
      ->first;
}

ValueRange range_of(const ValueHistogram& histogram, RangeMethod method, const ValueRange& limits) {
  ValueRange all{static_cast<double>(histogram.min), static_cast<double>(histogram.max)};
  if (method == RangeMethod::kPercentile && all.low < all.high) all = percentile_range(histogram);
  all.low = std::max(std::min(all.low, 0.0), limits.low);
  all.high = std::min(std::max(all.high, 0.0), limits.high);
  if (method != RangeMethod::kMse) return all;
  // Either end in turn, twice.
  ValueRange best = all;
  double least = squared_error(histogram, all, limits);
  for (const bool is_low : {false, true, false, true}) {
    for (int step = 1; step <= kShrinkSteps; ++step) {
      const double share = 1.0 - step * kShrinkStep;
      ValueRange range = best;
      if (is_low)
        range.low = all.low * share;
      else
        range.high = all.high * share;
      const double error = squared_error(histogram, range, limits);
      if (error < least) {
        least = error;
        best = range;
      }
    }
  }
  return best;
}

ValueRange argument_limits(Activation activation) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  switch (activation) {
    case Activation::kHswish:
      return {-3.0, kInfinity};
    case Activation::kHsigmoid:
      return {-3.0, 3.0};
    case Activation::kSigmoid:
      return {-8.0, 8.0};
    default:
      return {-kInfinity, kInfinity};
  }
}

MapQuantization quantization_of(const ValueRange& range) {
  MapQuantization q;
  const auto scale = static_cast<float>((range.high - range.low) / kNumSteps);
  if (scale < kLeastScale) return q;
  q.scale = scale;
  q.zero_point = static_cast<std::int32_t>(
      std::clamp(std::nearbyint(-range.low / static_cast<double>(scale)), 0.0, kNumSteps));
  return q;
}

}  // namespace tilewake
