// SPDX-License-Identifier: Apache-2.0
#include "nas/report/paired.hpp"

#include <cassert>
#include <cmath>
#include <vector>

namespace tilewake {

SampleStatistics sample_statistics(std::span<const double> values) {
  assert(!values.empty());
  const auto n = static_cast<double>(values.size());
  SampleStatistics statistics;
  statistics.n = static_cast<int>(values.size());
  double sum = 0.0;
  for (const double value : values) sum += value;
  statistics.mean = sum / n;
  if (values.size() < 2) return statistics;
  double squares = 0.0;  // of deviations, to avoid cancellation
  for (const double value : values)
    squares += (value - statistics.mean) * (value - statistics.mean);
  statistics.standard_deviation = std::sqrt(squares / (n - 1.0));
  statistics.standard_error = *statistics.standard_deviation / std::sqrt(n);
  return statistics;
}

std::optional<SampleStatistics> paired_difference(const ValueBySeed& a, const ValueBySeed& b) {
  std::vector<double> differences;
  for (const auto& [seed, value] : a) {
    if (const auto other = b.find(seed); other != b.end())
      differences.push_back(value - other->second);
  }
  if (differences.empty()) return std::nullopt;
  return sample_statistics(differences);
}

}  // namespace tilewake
