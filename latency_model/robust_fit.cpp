// SPDX-License-Identifier: Apache-2.0
#include "latency_model/robust_fit.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>

#include "latency_model/least_squares.hpp"

namespace tilewake {
namespace {

constexpr int kMaxRounds = 30;           // per kind of weights; 5 to 15 are usual
constexpr double kSmallChange = 1e-6;    // of an unknown: converged
constexpr double kSmallestScale = 0.01;  // lower bound, if most rows are exact

/// Standard deviation of the normal distribution with the same median magnitude.
double scale_of(std::vector<double> errors) {
  constexpr double kMedianOfNormal = 0.6745;
  const auto middle = errors.begin() + static_cast<std::ptrdiff_t>(errors.size() / 2);
  std::nth_element(errors.begin(), middle, errors.end());
  return std::max(kSmallestScale, *middle / kMedianOfNormal);
}

// Weights as functions of error / scale. The constants keep 95 % of the efficiency of least squares
// for normally distributed errors.

double huber_weight(double error) {
  constexpr double kLimit = 1.345;
  return error <= kLimit ? 1.0 : kLimit / error;
}

double biweight(double error) {
  constexpr double kLimit = 4.685;
  if (error >= kLimit) return 0.0;
  const double rest = 1.0 - (error / kLimit) * (error / kLimit);
  return rest * rest;
}

double largest_change(const std::vector<double>& a, const std::vector<double>& b) {
  double change = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) change = std::max(change, std::abs(a[i] - b[i]));
  return change;
}

}  // namespace

RobustFit::RobustFit(std::vector<double> expected, double expected_weight)
    : expected_(std::move(expected)), expected_weight_(expected_weight) {}

void RobustFit::add_row(std::span<const double> row, double target) {
  assert(row.size() == expected_.size());
  rows_.insert(rows_.end(), row.begin(), row.end());
  targets_.push_back(target);
}

std::vector<double> RobustFit::solve() const {
  if (num_rows() == 0 || num_rows() < num_unknowns_seen()) return expected_;
  const std::vector<double> start = minimum(std::vector<double>(num_rows(), 1.0));
  return reweighted(reweighted(start, huber_weight), biweight);
}

std::size_t RobustFit::num_unknowns_seen() const {
  std::vector<bool> seen(expected_.size());
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (rows_[i] != 0.0) seen[i % seen.size()] = true;
  }
  return static_cast<std::size_t>(std::count(seen.begin(), seen.end(), true));
}

std::vector<double> RobustFit::errors(std::span<const double> x) const {
  std::vector<double> errors(num_rows());
  for (std::size_t i = 0; i < errors.size(); ++i) {
    double sum = -targets_[i];
    for (std::size_t j = 0; j < x.size(); ++j) sum += row(i)[j] * x[j];
    errors[i] = std::abs(sum);
  }
  return errors;
}

std::vector<double> RobustFit::minimum(std::span<const double> weights) const {
  LeastSquares problem(expected_.size());
  std::vector<double> scaled(expected_.size());
  for (std::size_t i = 0; i < num_rows(); ++i) {
    if (weights[i] == 0.0) continue;
    const double root = std::sqrt(weights[i]);
    for (std::size_t j = 0; j < scaled.size(); ++j) scaled[j] = root * row(i)[j];
    problem.add_row(scaled, root * targets_[i]);
  }
  for (std::size_t j = 0; j < scaled.size(); ++j) {
    std::fill(scaled.begin(), scaled.end(), 0.0);
    scaled[j] = expected_weight_;
    problem.add_row(scaled, expected_weight_ * expected_[j]);
  }
  return problem.solve_non_negative();
}

std::vector<double> RobustFit::reweighted(std::vector<double> x, WeightOf weight_of) const {
  for (int round = 0; round < kMaxRounds; ++round) {
    std::vector<double> weights = errors(x);
    const double scale = scale_of(weights);
    for (double& weight : weights) weight = weight_of(weight / scale);
    std::vector<double> next = minimum(weights);
    const double change = largest_change(x, next);
    x = std::move(next);
    if (change < kSmallChange) break;
  }
  return x;
}

}  // namespace tilewake
