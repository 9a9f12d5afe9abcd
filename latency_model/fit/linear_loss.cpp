// SPDX-License-Identifier: Apache-2.0
#include "latency_model/fit/linear_loss.hpp"

#include <algorithm>
#include <nlopt.h>

namespace tilewake {

double LinearLoss::value(const std::vector<double>& positions, double* gradient) const {
  const Eigen::Map<const Eigen::VectorXd> z(positions.data(), at.size());
  const Eigen::ArrayXd r = (errors + slopes * (z - at)).array();
  const Eigen::ArrayXd root = (1.0 + r * r).sqrt();
  if (gradient != nullptr) {
    Eigen::Map<Eigen::VectorXd>(gradient, at.size()) =
        2.0 * (slopes.transpose() * (weights.array() * r / root).matrix() + z);
  }
  return 2.0 * (weights.array() * (root - 1.0)).sum() + z.squaredNorm();
}

std::vector<double> LinearLoss::minimum(double reach) const {
  const auto count = static_cast<unsigned>(at.size());
  std::vector<double> positions(at.data(), at.data() + count);
  std::vector<double> from = lows;
  std::vector<double> to = highs;
  for (unsigned i = 0; i < count; ++i) {
    from[i] = std::max(from[i], positions[i] - reach);
    to[i] = std::min(to[i], positions[i] + reach);
    positions[i] = std::clamp(positions[i], from[i], to[i]);
  }
  nlopt_opt optimizer = nlopt_create(NLOPT_LD_CCSAQ, count);
  nlopt_set_min_objective(
      optimizer,
      [](unsigned n, const double* z, double* gradient, void* data) {
        return static_cast<const LinearLoss*>(data)->value({z, z + n}, gradient);
      },
      const_cast<LinearLoss*>(this));
  nlopt_set_lower_bounds(optimizer, from.data());
  nlopt_set_upper_bounds(optimizer, to.data());
  nlopt_set_ftol_abs(optimizer, 0.01 * kLossTolerance);
  nlopt_set_maxeval(optimizer, 1000);
  double least = 0.0;
  // A search that ends early for rounding errors is no failure: its best point is used.
  static_cast<void>(nlopt_optimize(optimizer, positions.data(), &least));
  nlopt_destroy(optimizer);
  return positions;
}

}  // namespace tilewake
