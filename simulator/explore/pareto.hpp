// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

namespace tilewake {

/// Figures that are minimized, one per objective.
using ObjectiveValues = std::vector<double>;

/// Whether `a` is nowhere larger than `b` and somewhere smaller. Of equal length.
bool dominates(const ObjectiveValues& a, const ObjectiveValues& b);

/// The ranks of non-dominated sorting: 0 for points that none dominates, 1 for those that only
/// points of rank 0 dominate, and so on. Source: Deb et al., "A fast and elitist multiobjective
/// genetic algorithm: NSGA-II", IEEE Trans. Evol. Comp. 6(2), 2002, section III-A.
std::vector<std::size_t> non_dominated_ranks(const std::vector<ObjectiveValues>& points);

/// Indices of the points that no other dominates, of equal ones the first; sorted by value. Takes
/// n log n steps for two objectives, n times the size of the front otherwise.
std::vector<std::size_t> pareto_front(const std::vector<ObjectiveValues>& points);

/// The volume that `points` dominate up to `reference`; points that are not below it in every
/// objective add nothing. Exact, by slicing the last objective (Zitzler's HSO): for tests and for
/// fronts of some hundred points.
double hypervolume(std::vector<ObjectiveValues> points, const ObjectiveValues& reference);

}  // namespace tilewake
