// SPDX-License-Identifier: Apache-2.0
#include "latency_model/rank_correlation.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace tilewake {
namespace {

using Pairs = std::vector<std::pair<double, double>>;

/// `numerator` / sqrt(a x b), clamped to -1..1 against rounding; 0 if a or b is 0.
double normalized(double numerator, double a, double b) {
  if (a <= 0.0 || b <= 0.0) return 0.0;
  return std::clamp(numerator / std::sqrt(a * b), -1.0, 1.0);
}

/// Number of tied pairs in a sorted range: sum of t (t - 1) / 2 over groups of t equal values.
template <typename Values, typename Equal>
std::int64_t num_tied_pairs(const Values& sorted, Equal equal) {
  std::int64_t pairs = 0;
  std::int64_t group = 0;  // number of earlier values equal to this one
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    group = equal(sorted[i - 1], sorted[i]) ? group + 1 : 0;
    pairs += group;
  }
  return pairs;
}

/// Sorts values[begin, end) and returns the number of pairs that were in descending order.
std::int64_t sort_and_count(std::vector<double>& values, std::vector<double>& scratch,
                            std::size_t begin, std::size_t end) {
  if (end - begin < 2) return 0;
  const std::size_t middle = begin + (end - begin) / 2;
  std::int64_t count =
      sort_and_count(values, scratch, begin, middle) + sort_and_count(values, scratch, middle, end);
  std::size_t left = begin;
  std::size_t right = middle;
  for (std::size_t out = begin; out < end; ++out) {
    if (right == end || (left < middle && values[left] <= values[right])) {
      scratch[out] = values[left++];
    } else {
      scratch[out] = values[right++];
      count += static_cast<std::int64_t>(middle - left);
    }
  }
  std::copy(scratch.begin() + static_cast<std::ptrdiff_t>(begin),
            scratch.begin() + static_cast<std::ptrdiff_t>(end),
            values.begin() + static_cast<std::ptrdiff_t>(begin));
  return count;
}

/// Twice the rank of each value, counted from 1: the mean of tied ranks stays an integer.
std::vector<double> doubled_ranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](std::size_t i, std::size_t j) { return values[i] < values[j]; });
  std::vector<double> ranks(values.size());
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (std::size_t i = begin; i < end; ++i) {
      ranks[order[i]] = static_cast<double>(begin + 1 + end);
    }
  }
  return ranks;
}

}  // namespace

double kendall_tau(std::span<const double> a, std::span<const double> b) {
  assert(a.size() == b.size());
  Pairs pairs;
  for (std::size_t i = 0; i < a.size(); ++i) pairs.emplace_back(a[i], b[i]);
  std::sort(pairs.begin(), pairs.end());
  const std::int64_t tied_in_a =
      num_tied_pairs(pairs, [](const auto& p, const auto& q) { return p.first == q.first; });
  const std::int64_t tied_in_both =
      num_tied_pairs(pairs, [](const auto& p, const auto& q) { return p == q; });

  std::vector<double> second;
  for (const auto& pair : pairs) second.push_back(pair.second);
  std::vector<double> scratch(second.size());
  // Pairs tied in `a` are in ascending order of `b`, so only opposite orders are counted.
  const std::int64_t num_opposite = sort_and_count(second, scratch, 0, second.size());
  const std::int64_t tied_in_b = num_tied_pairs(second, [](double p, double q) { return p == q; });

  const auto n = static_cast<std::int64_t>(a.size());
  const std::int64_t num_pairs = n * (n - 1) / 2;
  const std::int64_t same_less_opposite =
      num_pairs - tied_in_a - tied_in_b + tied_in_both - 2 * num_opposite;
  return normalized(static_cast<double>(same_less_opposite),
                    static_cast<double>(num_pairs - tied_in_a),
                    static_cast<double>(num_pairs - tied_in_b));
}

double spearman(std::span<const double> a, std::span<const double> b) {
  assert(a.size() == b.size());
  const std::vector<double> ranks_a = doubled_ranks(a);
  const std::vector<double> ranks_b = doubled_ranks(b);
  const auto mean = static_cast<double>(a.size() + 1);  // of doubled ranks, with or without ties
  double covariance = 0.0;
  double variance_a = 0.0;
  double variance_b = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    covariance += (ranks_a[i] - mean) * (ranks_b[i] - mean);
    variance_a += (ranks_a[i] - mean) * (ranks_a[i] - mean);
    variance_b += (ranks_b[i] - mean) * (ranks_b[i] - mean);
  }
  return normalized(covariance, variance_a, variance_b);
}

}  // namespace tilewake
