// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>

namespace tilewake {

/// Of a method that ran with several seeds. One run has a mean, and says nothing about its spread.
struct SampleStatistics {
  int n = 0;
  double mean = 0.0;
  std::optional<double> standard_deviation;  // of the sample: over n - 1
  std::optional<double> standard_error;      // of the mean: standard deviation / sqrt(n)
};

/// At least one value.
SampleStatistics sample_statistics(std::span<const double> values);

using ValueBySeed = std::map<std::uint64_t, double>;

/// Of a's value less b's over the seeds that both have, none where they share none. What a seed
/// does to both methods alike (its data, its random networks) cancels, so that the standard error
/// is that of the difference, often smaller than either method's own.
std::optional<SampleStatistics> paired_difference(const ValueBySeed& a, const ValueBySeed& b);

}  // namespace tilewake
