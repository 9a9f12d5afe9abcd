// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace tilewake {

/// A table of numbers, one row per item.
struct FeatureRows {
  std::size_t num_columns = 0;
  std::vector<double> values;  // row by row

  std::size_t num_rows() const { return num_columns == 0 ? 0 : values.size() / num_columns; }
  std::span<const double> row(std::size_t index) const {
    return {values.data() + index * num_columns, num_columns};
  }
  void add(std::span<const double> row) { values.insert(values.end(), row.begin(), row.end()); }
};

/// A linear function with the least sum of squared errors plus a penalty on its weights:
///
///   minimize  sum_i (y_i - offset - w . x_i)^2 + penalty |w|^2
///
/// The offset has no penalty. Source: Hoerl, Kennard, "Ridge Regression", Technometrics 12, 1970.
struct RidgeFit {
  double penalty = 0.0;
  double offset = 0.0;
  std::vector<double> weights;
  /// Prediction of each target by a fit to all others, in closed form: with the linear smoother
  /// y^ = H y it is y_i - (y_i - y^_i) / (1 - H_ii).
  std::vector<double> left_out;
  /// Root of the mean squared difference of targets and `left_out`.
  double left_out_error = 0.0;

  double predict(std::span<const double> row) const;
};

/// The fit with one of `penalties`, that of the least left_out_error. Penalties are in units of the
/// mean squared length of the centred rows, so that they depend neither on the number of rows nor
/// on the scale of the features; each is above 0. Requires at least two rows.
RidgeFit fit_ridge(const FeatureRows& rows, std::span<const double> targets,
                   std::span<const double> penalties);

}  // namespace tilewake
