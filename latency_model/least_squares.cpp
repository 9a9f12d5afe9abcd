// SPDX-License-Identifier: Apache-2.0
#include "latency_model/least_squares.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include <Eigen/Dense>

namespace tilewake {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Vector = Eigen::VectorXd;

/// The algorithm of Lawson and Hanson on a matrix whose columns have length 1 or 0.
class ActiveSetSolver {
 public:
  ActiveSetSolver(const Matrix& a, const Vector& b) : a_(a), b_(b), x_(Vector::Zero(a.cols())) {}

  Vector solve() {
    // Each step decreases the residual, so no set of free unknowns repeats; a small multiple of the
    // number of unknowns is usual. The limit guards against rounding.
    const Eigen::Index max_steps = 10 * a_.cols();
    for (Eigen::Index step = 0; step < max_steps; ++step) {
      const Eigen::Index candidate = steepest();
      if (candidate < 0) break;
      free_.push_back(candidate);
      Vector target = minimum_over_free();
      if (target[candidate] <= 0.0) {  // rounding only: the gradient predicted an increase
        free_.pop_back();
        rejected_.push_back(candidate);
        continue;
      }
      while (has_non_positive(target)) {
        walk_towards(target);
        target = minimum_over_free();
      }
      x_ = target;
      rejected_.clear();
    }
    return x_;
  }

 private:
  static bool contains(const std::vector<Eigen::Index>& set, Eigen::Index i) {
    return std::find(set.begin(), set.end(), i) != set.end();
  }

  /// The unknown at 0 with the largest gradient; -1 if none reduces the residual.
  Eigen::Index steepest() const {
    constexpr double kRoundingError = 1e-13;
    const Vector descent = a_.transpose() * (b_ - a_ * x_);
    double best = kRoundingError * b_.norm();
    Eigen::Index candidate = -1;
    for (Eigen::Index i = 0; i < descent.size(); ++i) {
      if (descent[i] <= best || contains(free_, i) || contains(rejected_, i)) continue;
      best = descent[i];
      candidate = i;
    }
    return candidate;
  }

  /// The minimum with the free unknowns unconstrained and the others 0.
  Vector minimum_over_free() const {
    Vector result = Vector::Zero(x_.size());
    if (free_.empty()) return result;
    const Matrix columns = a_(Eigen::all, free_);
    result(free_) = columns.colPivHouseholderQr().solve(b_);
    return result;
  }

  bool has_non_positive(const Vector& target) const {
    return std::any_of(free_.begin(), free_.end(),
                       [&](Eigen::Index i) { return target[i] <= 0.0; });
  }

  /// Moves towards `target` until an unknown would become negative, and fixes those that reached 0.
  void walk_towards(const Vector& target) {
    double step = 1.0;
    Eigen::Index first = free_.front();
    for (const Eigen::Index i : free_) {
      if (target[i] > 0.0) continue;
      const double until_zero = x_[i] > 0.0 ? x_[i] / (x_[i] - target[i]) : 0.0;
      if (until_zero <= step) {
        step = until_zero;
        first = i;
      }
    }
    x_ += step * (target - x_);
    x_[first] = 0.0;
    std::erase_if(free_, [&](Eigen::Index i) {
      if (x_[i] > 0.0) return false;
      x_[i] = 0.0;
      return true;
    });
  }

  const Matrix& a_;
  const Vector& b_;
  Vector x_;
  std::vector<Eigen::Index> free_;      // may be > 0; the others are 0
  std::vector<Eigen::Index> rejected_;  // excluded until the free set changes
};

}  // namespace

LeastSquares::LeastSquares(std::size_t num_unknowns)
    : num_unknowns_(num_unknowns),
      triangle_(num_unknowns * (num_unknowns + 1)),
      incoming_(num_unknowns + 1) {}

void LeastSquares::add_row(std::span<const double> row, double target) {
  assert(row.size() == num_unknowns_);
  std::copy(row.begin(), row.end(), incoming_.begin());
  incoming_.back() = target;
  for (std::size_t k = 0; k < num_unknowns_; ++k) {
    if (incoming_[k] == 0.0) continue;
    double* const kept = triangle_row(k);
    const double length = std::hypot(kept[k], incoming_[k]);
    const double cosine = kept[k] / length;
    const double sine = incoming_[k] / length;
    for (std::size_t j = k; j <= num_unknowns_; ++j) {
      const double above = kept[j];
      kept[j] = cosine * above + sine * incoming_[j];
      incoming_[j] = cosine * incoming_[j] - sine * above;
    }
  }
}

std::vector<double> LeastSquares::solve_non_negative() const {
  const auto n = static_cast<Eigen::Index>(num_unknowns_);
  const Eigen::Map<const Matrix> triangle(triangle_.data(), n, n + 1);
  const Vector b = triangle.col(n);
  Matrix a = triangle.leftCols(n);
  // Columns of length 1, so that the units of the unknowns do not affect the rounding threshold.
  Vector scale = Vector::Ones(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const double length = a.col(i).norm();
    if (length > 0.0) scale[i] = 1.0 / length;
    a.col(i) *= scale[i];
  }
  const Vector x = ActiveSetSolver(a, b).solve().cwiseProduct(scale);
  return {x.begin(), x.end()};
}

}  // namespace tilewake
