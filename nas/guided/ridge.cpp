// SPDX-License-Identifier: Apache-2.0
#include "nas/guided/ridge.hpp"

#include <cassert>
#include <cmath>
#include <limits>

#include <Eigen/Dense>

namespace tilewake {
namespace {

using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace

double RidgeFit::predict(std::span<const double> row) const {
  assert(row.size() == weights.size());
  double sum = offset;
  for (std::size_t i = 0; i < row.size(); ++i) sum += weights[i] * row[i];
  return sum;
}

RidgeFit fit_ridge(const FeatureRows& rows, std::span<const double> targets,
                   std::span<const double> penalties) {
  const auto n = static_cast<Eigen::Index>(rows.num_rows());
  const auto d = static_cast<Eigen::Index>(rows.num_columns);
  assert(n >= 2 && targets.size() == rows.num_rows() && !penalties.empty());
  const Eigen::Map<const RowMatrix> raw(rows.values.data(), n, d);
  const Eigen::Map<const Eigen::VectorXd> y(targets.data(), n);
  const Eigen::RowVectorXd means = raw.colwise().mean();
  const Eigen::MatrixXd x = raw.rowwise() - means;
  const double mean = y.mean();
  const Eigen::VectorXd centred = y.array() - mean;
  // X = U S V^T; H = 1/n + U S^2 / (S^2 + penalty) U^T. The Gram matrix of the rows has the
  // eigenvalues S^2 and the eigenvectors U; w = X^T U (S^2 + penalty)^-1 U^T y.
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> gram(x * x.transpose());
  const Eigen::ArrayXd squares = gram.eigenvalues().array().max(0.0);
  const Eigen::MatrixXd& u = gram.eigenvectors();
  const Eigen::VectorXd projected = u.transpose() * centred;
  const double unit = squares.sum() / static_cast<double>(n);

  RidgeFit best;
  best.left_out_error = std::numeric_limits<double>::infinity();
  Eigen::VectorXd best_dual;
  for (const double relative : penalties) {
    assert(relative > 0.0);
    // Equal rows have nothing to fit: any penalty leaves the mean.
    const double penalty = unit > 0.0 ? relative * unit : relative;
    const Eigen::ArrayXd shrunk = 1.0 / (squares + penalty);
    const Eigen::VectorXd dual = u * (projected.array() * shrunk).matrix();
    const Eigen::VectorXd hat =
        (u.array().square().rowwise() * (squares * shrunk).transpose()).rowwise().sum() +
        1.0 / static_cast<double>(n);
    // y - y^ = penalty (X X^T + penalty)^-1 y, for centred y.
    const Eigen::ArrayXd residuals = penalty * dual.array() / (1.0 - hat.array());
    const double error = std::sqrt(residuals.square().mean());
    if (!(error < best.left_out_error)) continue;
    best.left_out_error = error;
    best.penalty = penalty;
    best_dual = dual;
    best.left_out.assign(targets.begin(), targets.end());
    for (Eigen::Index i = 0; i < n; ++i) best.left_out[static_cast<std::size_t>(i)] -= residuals[i];
  }
  const Eigen::VectorXd weights = x.transpose() * best_dual;
  best.weights.assign(weights.data(), weights.data() + d);
  best.offset = mean - means.dot(weights);
  return best;
}

}  // namespace tilewake
