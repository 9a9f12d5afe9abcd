// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace tilewake {

/// Minimizes |A x - b| over a few unknowns x.
///
/// Each row is merged into a triangular matrix on arrival (Givens rotations: Golub, Van Loan,
/// "Matrix Computations", 5.2). Memory and solve time are independent of the number of rows, and
/// the condition number is not squared as in the normal equations.
class LeastSquares {
 public:
  explicit LeastSquares(std::size_t num_unknowns);

  /// Adds the equation row . x = target; `row` has one entry per unknown.
  void add_row(std::span<const double> row, double target);

  /// The minimum over x >= 0. An unknown whose column is all 0 becomes 0; with linearly dependent
  /// columns, one of the minima.
  ///
  /// Source: Lawson, Hanson, "Solving Least Squares Problems", 1974, algorithm 23.10 (NNLS).
  std::vector<double> solve_non_negative() const;

 private:
  double* triangle_row(std::size_t k) { return triangle_.data() + k * (num_unknowns_ + 1); }

  std::size_t num_unknowns_;
  std::vector<double> triangle_;  // [R d] by rows: |R x - d| differs from |A x - b| by a constant
  std::vector<double> incoming_;  // [row target]; avoids an allocation per row
};

}  // namespace tilewake
