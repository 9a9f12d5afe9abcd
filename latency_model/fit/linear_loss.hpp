// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <Eigen/Dense>

namespace tilewake {

/// The loss with log errors that are linear in the positions: convex, and without simulations.
struct LinearLoss {
  Eigen::VectorXd at;       // positions of the point where the errors are known
  Eigen::VectorXd errors;   // of each row there, in units of sigma
  Eigen::MatrixXd slopes;   // of these
  Eigen::VectorXd weights;  // of each row
  std::vector<double> lows;
  std::vector<double> highs;

  /// @param gradient  of as many values as positions, or null
  double value(const std::vector<double>& positions, double* gradient = nullptr) const;

  /// The positions of its minimum that differ from `at` by at most `reach`.
  std::vector<double> minimum(double reach) const;
};

/// Losses that differ by less are equal.
inline constexpr double kLossTolerance = 0.02;

}  // namespace tilewake
