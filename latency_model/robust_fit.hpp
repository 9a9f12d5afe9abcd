// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace tilewake {

/// Fits row . x = target with x >= 0 and bounds the influence of each row: about a fifth of the
/// rows may be outliers with little effect.
///
/// Iteratively reweighted least squares (Holland, Welsch, "Robust Regression Using Iteratively
/// Reweighted Least-Squares", 1977). The first rounds use the weights of Huber ("Robust Estimation
/// of a Location Parameter", 1964), which bound the influence of an error. The next rounds use the
/// biweight of Beaton and Tukey ("The Fitting of Power Series, Meaning Polynomials, Illustrated on
/// Band-Spectroscopic Data", 1974), which ignores far outliers. The scale is the median error. The
/// number of rounds is limited, so time is linear in the rows.
class RobustFit {
 public:
  /// An unknown without evidence in the rows stays near its `expected` value, which counts as one
  /// row of weight `expected_weight` that is never reweighted.
  RobustFit(std::vector<double> expected, double expected_weight);

  /// Adds an equation; `row` has one entry per unknown. Errors |row . x - target| of different rows
  /// are compared with each other, so rows must be scaled to relative errors (0.01 is small).
  void add_row(std::span<const double> row, double target);

  /// Returns the expected values if there are fewer rows than unknowns that occur in them.
  std::vector<double> solve() const;

 private:
  using WeightOf = double (*)(double error);

  std::size_t num_rows() const { return targets_.size(); }
  std::span<const double> row(std::size_t i) const {
    return {rows_.data() + i * expected_.size(), expected_.size()};
  }
  std::size_t num_unknowns_seen() const;
  std::vector<double> errors(std::span<const double> x) const;
  std::vector<double> minimum(std::span<const double> weights) const;
  std::vector<double> reweighted(std::vector<double> x, WeightOf weight_of) const;

  std::vector<double> expected_;
  double expected_weight_;
  std::vector<double> rows_;  // row by row
  std::vector<double> targets_;
};

}  // namespace tilewake
