// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "nas/quantization/map_statistics.hpp"
#include "nas/quantization/quantized_network.hpp"

namespace tilewake {

/// How the range of a map is taken from its values.
enum class RangeMethod {
  kMinMax,
  kPercentile,  // without the outermost 0.01 % of values at either end
  kMse,         // the range with the least mean squared error of rounding and clipping
};

inline constexpr std::array<std::pair<std::string_view, RangeMethod>, 3> kRangeMethodNames = {{
    {"min-max", RangeMethod::kMinMax},
    {"percentile", RangeMethod::kPercentile},
    {"mse", RangeMethod::kMse},
}};

std::string_view to_string(RangeMethod method);

/// The real numbers that a map of 8 bits covers; zero is among them.
struct ValueRange {
  double low = 0.0;
  double high = 0.0;
};

/// Values beyond `limits` count as the limit.
ValueRange range_of(const ValueHistogram& histogram, RangeMethod method, const ValueRange& limits);

/// Where `activation` distinguishes its arguments: hswish is 0 below -3, hsigmoid constant beyond
/// +-3, sigmoid beyond +-8 by less than the 1/510 that 8 bits resolve. Otherwise all numbers.
ValueRange argument_limits(Activation activation);

/// The scale is (high - low) / 255 in single precision, 1 where that is 0.
MapQuantization quantization_of(const ValueRange& range);

}  // namespace tilewake
