// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "nas/space/architecture.hpp"
#include "nas/space/search_space.hpp"

namespace tilewake {

/// A network of the space, with every branch's kernel and expansion ratio drawn uniformly.
/// Deterministic for a seed.
Architecture random_architecture(const SearchSpace& space, std::uint64_t seed);

/// A random network with an estimate in [min_ms, max_ms] and at most space.max_params parameters:
/// draws at most `max_draws` times.
std::optional<Architecture> random_architecture_within(const SearchSpace& space, double min_ms,
                                                       double max_ms,
                                                       const LatencyEstimate& estimate,
                                                       std::uint64_t seed, int max_draws);

}  // namespace tilewake
