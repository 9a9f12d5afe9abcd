// SPDX-License-Identifier: Apache-2.0
#include "latency_model/least_squares.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/random.hpp"

namespace tilewake {
namespace {

using ::testing::DoubleNear;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;

using Vector = std::vector<double>;

/// A problem as its rows, to be looked at from outside.
struct Problem {
  std::vector<Vector> a;
  Vector b;

  std::size_t num_unknowns() const { return a.front().size(); }

  Vector solve() const {
    LeastSquares problem(num_unknowns());
    for (std::size_t i = 0; i < a.size(); ++i) problem.add_row(a[i], b[i]);
    return problem.solve_non_negative();
  }

  Vector residual(const Vector& x) const {
    Vector r = b;
    for (std::size_t i = 0; i < a.size(); ++i)
      for (std::size_t j = 0; j < x.size(); ++j) r[i] -= a[i][j] * x[j];
    return r;
  }

  double cost(const Vector& x) const {
    double sum = 0.0;
    for (const double r : residual(x)) sum += r * r;
    return sum;
  }

  /// Half the gradient of the cost, turned downhill.
  Vector descent(const Vector& x) const {
    const Vector r = residual(x);
    Vector w(x.size());
    for (std::size_t i = 0; i < a.size(); ++i)
      for (std::size_t j = 0; j < x.size(); ++j) w[j] += a[i][j] * r[i];
    return w;
  }
};

double uniform(Random& random, double low, double high) {
  return low + (high - low) * static_cast<double>(random.below(1'000'001)) / 1e6;
}

/// Half of the problems have columns that are nearly collinear, like features of large layers:
/// there several unknowns become 0 on the way to one minimum.
Problem random_problem(Random& random, std::size_t num_rows, std::size_t num_unknowns) {
  const double likeness = random.one_in(2) ? 5.0 : 0.0;
  Problem p;
  for (std::size_t i = 0; i < num_rows; ++i) {
    const double shared = likeness * uniform(random, 0, 1);
    Vector row(num_unknowns);
    for (double& value : row) value = shared + uniform(random, -1, 1);
    p.a.push_back(row);
    p.b.push_back(shared + uniform(random, -1, 1));
  }
  return p;
}

/// Minimum of the cost where only the unknowns in `free` (a bit each) may differ from 0, by the
/// normal equations and Gauss' elimination with pivots.
Vector minimum_over(const Problem& p, unsigned free) {
  std::vector<std::size_t> unknowns;
  for (std::size_t j = 0; j < p.num_unknowns(); ++j)
    if ((free >> j & 1U) != 0) unknowns.push_back(j);
  const std::size_t n = unknowns.size();
  std::vector<Vector> m(n, Vector(n + 1));
  for (std::size_t i = 0; i < p.a.size(); ++i)
    for (std::size_t r = 0; r < n; ++r) {
      for (std::size_t c = 0; c < n; ++c) m[r][c] += p.a[i][unknowns[r]] * p.a[i][unknowns[c]];
      m[r][n] += p.a[i][unknowns[r]] * p.b[i];
    }
  for (std::size_t k = 0; k < n; ++k) {
    std::size_t pivot = k;
    for (std::size_t r = k; r < n; ++r)
      if (std::abs(m[r][k]) > std::abs(m[pivot][k])) pivot = r;
    std::swap(m[k], m[pivot]);
    for (std::size_t r = 0; r < n; ++r) {
      if (r == k) continue;
      const double factor = m[r][k] / m[k][k];
      for (std::size_t c = k; c <= n; ++c) m[r][c] -= factor * m[k][c];
    }
  }
  Vector x(p.num_unknowns());
  for (std::size_t k = 0; k < n; ++k) x[unknowns[k]] = m[k][n] / m[k][k];
  return x;
}

double lowest_cost_over_all_active_sets(const Problem& p) {
  double lowest = std::numeric_limits<double>::max();
  for (unsigned free = 0; free < 1U << p.num_unknowns(); ++free) {
    const Vector x = minimum_over(p, free);
    bool is_feasible = true;
    for (const double value : x) is_feasible = is_feasible && value >= 0.0;
    if (is_feasible) lowest = std::min(lowest, p.cost(x));
  }
  return lowest;
}

TEST(LeastSquaresTest, PlantedNonNegativeSolutionsAreFound) {
  Random random(1);
  for (int i = 0; i < 200; ++i) {
    const std::size_t n = 1 + random.below(8);
    Problem p = random_problem(random, n + random.below(50), n);
    Vector planted(n);
    for (double& x : planted) x = random.one_in(3) ? 0.0 : uniform(random, 0.1, 3);
    p.b.assign(p.a.size(), 0.0);
    p.b = p.residual(planted);
    for (double& b : p.b) b = -b;
    const Vector x = p.solve();
    // Square random matrices can be badly conditioned, so the residual is the measure there.
    EXPECT_LT(p.cost(x), 1e-20) << "problem " << i;
    if (p.a.size() < 2 * n) continue;
    for (std::size_t j = 0; j < n; ++j) EXPECT_NEAR(x[j], planted[j], 1e-9) << "problem " << i;
  }
}

void expect_kuhn_tucker_conditions(const Problem& p) {
  const Vector x = p.solve();
  const Vector w = p.descent(x);
  for (std::size_t j = 0; j < x.size(); ++j) {
    EXPECT_GE(x[j], 0.0);
    EXPECT_LE(w[j], 1e-9) << "growth of unknown " << j << " would help";
    if (x[j] > 0.0) {
      EXPECT_NEAR(w[j], 0.0, 1e-9);
    }
  }
}

TEST(LeastSquaresTest, KuhnTuckerConditionsHold) {
  Random random(2);
  for (int i = 0; i < 500 && !HasFailure(); ++i) {
    SCOPED_TRACE(i);
    expect_kuhn_tucker_conditions(
        random_problem(random, 1 + random.below(60), 1 + random.below(8)));
  }
}

TEST(LeastSquaresTest, KuhnTuckerConditionsHoldForSumsOfDecays) {
  // Hard ones: unknowns that were free must be tied down again, sometimes several at a time.
  Random random(6);
  for (int i = 0; i < 20'000 && !HasFailure(); ++i) {
    SCOPED_TRACE(i);
    const std::size_t n = 2 + random.below(7);
    Vector rates(n);
    Vector amplitudes(n);
    for (double& rate : rates) rate = uniform(random, 0, 3);
    for (double& amplitude : amplitudes) amplitude = uniform(random, -1, 1);
    Problem p;
    for (std::size_t k = 0; k < 30; ++k) {
      Vector row(n);
      double sum = 0.0;
      for (std::size_t j = 0; j < n; ++j) {
        row[j] = std::exp(-rates[j] * static_cast<double>(k) / 10.0);
        sum += amplitudes[j] * row[j];
      }
      p.a.push_back(row);
      p.b.push_back(sum);
    }
    expect_kuhn_tucker_conditions(p);
  }
}

TEST(LeastSquaresTest, CostIsTheLowestOverAllActiveSets) {
  Random random(3);
  for (int i = 0; i < 200; ++i) {
    const std::size_t n = 1 + random.below(6);
    const Problem p = random_problem(random, n + 1 + random.below(20), n);
    EXPECT_NEAR(p.cost(p.solve()), lowest_cost_over_all_active_sets(p), 1e-9) << "problem " << i;
  }
}

TEST(LeastSquaresTest, UnknownsWithNegativeSolutionsBecomeZero) {
  const Problem p = {{{1, 0}, {0, 1}, {1, 1}}, {-1, 2, 1}};
  EXPECT_THAT(p.solve(), ElementsAre(0.0, DoubleNear(1.5, 1e-12)));
}

TEST(LeastSquaresTest, EmptyColumnBecomesZero) {
  const Problem p = {{{0, 2}, {0, 4}}, {1, 2}};
  EXPECT_THAT(p.solve(), ElementsAre(0.0, DoubleNear(0.5, 1e-12)));
}

TEST(LeastSquaresTest, NoRowsGiveZeros) {
  EXPECT_THAT(LeastSquares(3).solve_non_negative(), ElementsAre(0.0, 0.0, 0.0));
}

TEST(LeastSquaresTest, DependentColumnsShareTheirSum) {
  Random random(4);
  for (int i = 0; i < 100; ++i) {
    Problem p = random_problem(random, 30, 4);
    for (std::size_t k = 0; k < p.a.size(); ++k) {
      p.a[k][1] = p.a[k][0];
      p.b[k] = 3 * p.a[k][0] + 2 * p.a[k][2];
    }
    const Vector x = p.solve();
    EXPECT_THAT(x, Each(Ge(0.0)));
    EXPECT_NEAR(x[0] + x[1], 3.0, 1e-9);
    EXPECT_NEAR(x[2], 2.0, 1e-9);
    EXPECT_NEAR(x[3], 0.0, 1e-9);
  }
}

TEST(LeastSquaresTest, UnitsOfTheUnknownsDoNotMatter) {
  Random random(5);
  for (int i = 0; i < 100; ++i) {
    const Problem p = random_problem(random, 30, 3);
    Problem scaled = p;
    const Vector units = {1e-9, 1.0, 1e9};
    for (Vector& row : scaled.a)
      for (std::size_t j = 0; j < 3; ++j) row[j] *= units[j];
    const Vector x = p.solve();
    const Vector y = scaled.solve();
    for (std::size_t j = 0; j < 3; ++j) EXPECT_NEAR(y[j] * units[j], x[j], 1e-9);
  }
}

TEST(LeastSquaresTest, ConditionNumberIsNotSquared) {
  // Two columns that differ by 1e-6: the normal equations would leave four digits of the answer.
  Problem p;
  for (int i = 0; i < 10; ++i) {
    const double t = i;
    p.a.push_back({1.0, 1.0 + 1e-6 * t});
    p.b.push_back(2 * p.a.back()[0] + 3 * p.a.back()[1]);
  }
  EXPECT_THAT(p.solve(), ElementsAre(DoubleNear(2.0, 1e-8), DoubleNear(3.0, 1e-8)));
}

}  // namespace
}  // namespace tilewake
