// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nas/space/depth_design.hpp"

namespace tilewake {

/// Tolerance of the ratio of a full supernet's latency to that of the networks searched in it.
inline constexpr double kSupernetRatioTolerance = 0.1;

/// Widths and depths of a supernet for a latency.
struct SupernetSize {
  SearchSpace space;       // with widths and depths
  DepthDesign depths;      // of these widths
  double width = 1.0;      // factor on the widths that were given, before rounding
  double full_ms = 0.0;    // of the network of full blocks
  bool is_within = false;  // full_ms is within the tolerance
};

/// Chooses the widths (half to twice those of `space`, rounded as in scaling) and then, if no width
/// is sufficient, the number of blocks (2 per stage to twice space.num_blocks), so that the network
/// of full blocks takes `ratio` x `limit_ms` within 10 %. With a small ratio, the search has little
/// to choose; with a large one, it closes nearly everything and is left with networks that the
/// supernet was not trained for. Depth is kept as long as possible, because a
/// search cannot add blocks, while scaling can add width. The depths of the stages follow from
/// design_depths().
///
///   @param space     with num_blocks
///   @param limit_ms  of the search, above 0
///   @param ratio     at least 1
///
/// A supernet that is within the tolerance as given stays as it is. If nothing is, the result is
/// the nearest supernet, and is_within is false. Throws InputError like design_depths().
SupernetSize size_supernet(const SearchSpace& space, const LatencyEstimate& estimate,
                           double limit_ms, double ratio);

}  // namespace tilewake
