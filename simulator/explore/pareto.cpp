// SPDX-License-Identifier: Apache-2.0
#include "simulator/explore/pareto.hpp"

#include <algorithm>
#include <cassert>
#include <limits>
#include <numeric>

namespace tilewake {

bool dominates(const ObjectiveValues& a, const ObjectiveValues& b) {
  assert(a.size() == b.size());
  bool is_smaller = false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] > b[i]) return false;
    is_smaller = is_smaller || a[i] < b[i];
  }
  return is_smaller;
}

std::vector<std::size_t> non_dominated_ranks(const std::vector<ObjectiveValues>& points) {
  std::vector<std::size_t> ranks(points.size(), 0);
  std::vector<std::size_t> num_above(points.size(), 0);  // that dominate the point
  std::vector<std::vector<std::size_t>> below(points.size());
  for (std::size_t i = 0; i < points.size(); ++i) {
    for (std::size_t k = 0; k < points.size(); ++k) {
      if (!dominates(points[i], points[k])) continue;
      below[i].push_back(k);
      ++num_above[k];
    }
  }
  std::vector<std::size_t> current;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (num_above[i] == 0) current.push_back(i);
  }
  for (std::size_t rank = 0; !current.empty(); ++rank) {
    std::vector<std::size_t> next;
    for (const std::size_t i : current) {
      ranks[i] = rank;
      for (const std::size_t k : below[i]) {
        if (--num_above[k] == 0) next.push_back(k);
      }
    }
    current = std::move(next);
  }
  return ranks;
}

std::vector<std::size_t> pareto_front(const std::vector<ObjectiveValues>& points) {
  std::vector<std::size_t> order(points.size());
  std::iota(order.begin(), order.end(), 0);
  // A point can only be dominated by one before it in lexicographic order.
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return points[a] < points[b]; });
  std::vector<std::size_t> front;
  double least_last = std::numeric_limits<double>::infinity();  // of two objectives
  for (const std::size_t i : order) {
    const ObjectiveValues& point = points[i];
    bool is_covered = false;
    if (point.size() == 2) {
      is_covered = point[1] >= least_last && !front.empty();
      least_last = std::min(least_last, point[1]);
    } else {
      is_covered = std::any_of(front.begin(), front.end(), [&](std::size_t other) {
        return points[other] == point || dominates(points[other], point);
      });
    }
    if (!is_covered) front.push_back(i);
  }
  return front;
}

double hypervolume(std::vector<ObjectiveValues> points, const ObjectiveValues& reference) {
  const std::size_t last = reference.size() - 1;
  std::erase_if(points, [&](const ObjectiveValues& point) {
    for (std::size_t i = 0; i <= last; ++i) {
      if (point[i] >= reference[i]) return true;
    }
    return false;
  });
  if (points.empty()) return 0.0;
  std::sort(points.begin(), points.end(),
            [&](const ObjectiveValues& a, const ObjectiveValues& b) { return a[last] < b[last]; });
  if (last == 0) return reference[0] - points.front()[0];
  // Between two values of the last objective, the points up to the lower one dominate.
  double volume = 0.0;
  std::vector<ObjectiveValues> slice;
  const ObjectiveValues below(reference.begin(), reference.end() - 1);
  for (std::size_t i = 0; i < points.size(); ++i) {
    slice.emplace_back(points[i].begin(), points[i].end() - 1);
    const double end = i + 1 < points.size() ? points[i + 1][last] : reference[last];
    if (end > points[i][last]) volume += (end - points[i][last]) * hypervolume(slice, below);
  }
  return volume;
}

}  // namespace tilewake
