// SPDX-License-Identifier: Apache-2.0
#include "nas/report/paired.hpp"

#include <cassert>
#include <cmath>
#include <vector>

#include <boost/math/distributions/non_central_t.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <fmt/format.h>

namespace tilewake {
namespace {

constexpr double kConfidence = 0.95;  // two-sided
constexpr double kPower = 0.8;

/// Number of standard errors by which the mean of `n` values must differ from 0, by Student's t.
double clear_errors(int n) {
  const boost::math::students_t distribution(n - 1);
  return boost::math::quantile(distribution, 0.5 + 0.5 * kConfidence);
}

}  // namespace

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

std::string spread_text(std::span<const double> accuracies) {
  const SampleStatistics statistics = sample_statistics(accuracies);
  if (!statistics.standard_error) return fmt::format("{:.2f} %", 100.0 * statistics.mean);
  return fmt::format("{:.2f} % (+-{:.2f} %, standard deviation {:.2f} %)", 100.0 * statistics.mean,
                     100.0 * *statistics.standard_error, 100.0 * *statistics.standard_deviation);
}

std::optional<double> confidence_half(const SampleStatistics& statistics) {
  if (!statistics.standard_error) return std::nullopt;
  return clear_errors(statistics.n) * *statistics.standard_error;
}

std::optional<int> required_values(const SampleStatistics& statistics, double mean) {
  assert(mean != 0.0);
  if (!statistics.standard_deviation) return std::nullopt;
  if (*statistics.standard_deviation == 0.0) return 2;
  const double effect = std::abs(mean) / *statistics.standard_deviation;
  for (int n = 2; n < kMaxRequired; ++n) {
    // The mean over its standard error has the non-central distribution of t.
    const boost::math::non_central_t distribution(n - 1, effect * std::sqrt(n));
    if (boost::math::cdf(boost::math::complement(distribution, clear_errors(n))) >= kPower)
      return n;
  }
  return kMaxRequired;
}

}  // namespace tilewake
