// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

namespace tilewake {

// Agreement of the orders of `a` and `b`: 1 equal, -1 reversed. Both have one finite value per
// item. 0 if there is no order to compare: fewer than two items, or one side all equal.

/// Kendall's tau-b: (concordant - discordant pairs) / geometric mean of the pairs not tied in `a`
/// and the pairs not tied in `b`. O(n log n): Knight, "A Computer Method for Calculating Kendall's
/// Tau with Ungrouped Data", JASA 61, 1966.
double kendall_tau(std::span<const double> a, std::span<const double> b);

/// Spearman's rho: Pearson's correlation of the ranks; tied values share their mean rank.
double spearman(std::span<const double> a, std::span<const double> b);

}  // namespace tilewake
