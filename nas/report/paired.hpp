// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>

namespace tilewake {

/// Statistics of a method over seeds. A single run has a mean only.
struct SampleStatistics {
  int n = 0;
  double mean = 0.0;
  std::optional<double> standard_deviation;  // of the sample: over n - 1
  std::optional<double> standard_error;      // of the mean: standard deviation / sqrt(n)
};

/// Requires at least one value.
SampleStatistics sample_statistics(std::span<const double> values);

using ValueBySeed = std::map<std::uint64_t, double>;

/// Differences of a - b over common seeds; none without any. Effects of a seed on both methods
/// (data, random networks) cancel, so the standard error is that of the difference, often smaller
/// than either method's own.
std::optional<SampleStatistics> paired_difference(const ValueBySeed& a, const ValueBySeed& b);

}  // namespace tilewake
