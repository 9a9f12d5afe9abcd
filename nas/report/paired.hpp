// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>

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

/// "91.20 % (+-0.11 %, standard deviation 0.19 %)" of accuracies from 0 to 1; "91.20 %" of one.
std::string spread_text(std::span<const double> accuracies);

/// Half the width of the 95 % confidence interval of the mean, by Student's t; none for one value.
std::optional<double> confidence_half(const SampleStatistics& statistics);

/// The number of values from which a true mean of `mean` (not 0) is told from 0 at 95 % (two-sided,
/// Student's t) in four of five experiments, if values deviate as these do; `kMaxRequired` where it
/// is that or more; none for one value.
constexpr int kMaxRequired = 1000;
std::optional<int> required_values(const SampleStatistics& statistics, double mean);

}  // namespace tilewake
