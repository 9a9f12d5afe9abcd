// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace tilewake {

/// Fits row . x = target with x >= 0, and lets no row have more than a bounded say: rows that
/// follow another law, a fifth of all or so, change next to nothing.
///
/// Iteratively reweighted least squares (Holland, Welsch, "Robust Regression Using Iteratively
/// Reweighted Least-Squares", 1977). First with the weights of Huber ("Robust Estimation of a
/// Location Parameter", 1964), where each error counts, but none by its square; from there with
/// the biweight of Beaton and Tukey ("The Fitting of Power Series, Meaning Polynomials, Illustrated
/// on Band-Spectroscopic Data", 1974), where a row far off counts no longer. What is far is told by
/// the median error. The rounds are limited, so time grows with the rows only.
class RobustFit {
 public:
  /// An unknown of which the rows say nothing stays near its `expected` value, which counts as one
  /// row of weight `expected_weight` that is never doubted.
  RobustFit(std::vector<double> expected, double expected_weight);

  /// Adds an equation; `row` has one entry an unknown. Errors |row . x - target| are compared with
  /// those of other rows, as shares of what is fitted: 0.01 is small.
  void add_row(std::span<const double> row, double target);

  /// The expected values where the rows are fewer than the unknowns that they tell of.
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
