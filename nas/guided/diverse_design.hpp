// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "nas/guided/ridge.hpp"

namespace tilewake {

/// The rows in an order whose beginnings are diverse: each is the one about which a ridge
/// regression on those before it is least certain (a greedy D-optimal design). With the scalar
/// product k(a, b) in units of the mean squared length, and the rows S before it,
///
///   variance(x) = k(x, x) - k(x, S) (k(S, S) + noise)^-1 k(S, x)
///
/// Of equal variances the earlier row comes first. At most as many rows as `max_rows`.
std::vector<std::size_t> diverse_order(const FeatureRows& rows, std::size_t max_rows);

}  // namespace tilewake
