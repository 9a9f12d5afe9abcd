// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

namespace tilewake {

// How well `a` puts things into the order that `b` puts them into: 1 the same, -1 reversed. Both
// have one finite value a thing. 0 where there is no order to compare: fewer than two things, or
// one side all equal.

/// Kendall's tau-b: pairs in the same order less pairs in the opposite order, over the geometric
/// mean of the pairs that are not tied in `a` and those that are not tied in `b`.
/// O(n log n): Knight, "A Computer Method for Calculating Kendall's Tau with Ungrouped Data",
/// JASA 61, 1966.
double kendall_tau(std::span<const double> a, std::span<const double> b);

/// Spearman's rho: Pearson's correlation of the ranks; equal values share the mean of their ranks.
double spearman(std::span<const double> a, std::span<const double> b);

}  // namespace tilewake
