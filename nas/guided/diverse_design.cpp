// SPDX-License-Identifier: Apache-2.0
#include "nas/guided/diverse_design.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tilewake {
namespace {

constexpr double kDesignNoise = 0.1;  // variance of a training, in units of the mean squared length

double dot(std::span<const double> a, std::span<const double> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

}  // namespace

std::vector<std::size_t> diverse_order(const FeatureRows& rows, std::size_t max_rows) {
  const std::size_t n = rows.num_rows();
  std::vector<double> variance(n);
  for (std::size_t i = 0; i < n; ++i) variance[i] = dot(rows.row(i), rows.row(i));
  const double unit =
      std::accumulate(variance.begin(), variance.end(), 0.0) / static_cast<double>(n);
  const double scale = unit > 0.0 ? 1.0 / unit : 0.0;
  for (double& v : variance) v *= scale;

  // Column m of the pivoted Cholesky factor of k + noise, by row.
  std::vector<std::vector<double>> factor(n);
  std::vector<bool> is_taken(n, false);
  std::vector<std::size_t> order;
  while (order.size() < std::min(n, max_rows)) {
    std::size_t next = n;
    for (std::size_t i = 0; i < n; ++i) {
      if (!is_taken[i] && (next == n || variance[i] > variance[next])) next = i;
    }
    is_taken[next] = true;
    order.push_back(next);
    const double pivot = std::sqrt(std::max(variance[next], 0.0) + kDesignNoise);
    const std::vector<double> before = factor[next];
    for (std::size_t i = 0; i < n; ++i) {
      const double entry =
          (scale * dot(rows.row(i), rows.row(next)) - dot(factor[i], before)) / pivot;
      factor[i].push_back(entry);
      variance[i] -= entry * entry;
    }
  }
  return order;
}

}  // namespace tilewake
