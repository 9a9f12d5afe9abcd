// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "nas/space/architecture.hpp"
#include "nas/space/latency.hpp"
#include "nas/space/search_space.hpp"

namespace tilewake {

/// A network of the space, every branch's kernel and expansion ratio drawn uniformly: the same for
/// the same seed.
Architecture random_architecture(const SearchSpace& space, std::uint64_t seed);

/// One whose estimate is in [min_ms, max_ms] and whose parameters are within space.max_params:
/// draws until one is, `max_draws` times at most.
std::optional<Architecture> random_architecture_within(const SearchSpace& space, double min_ms,
                                                       double max_ms,
                                                       const LatencyEstimate& estimate,
                                                       std::uint64_t seed, int max_draws);

}  // namespace tilewake
