// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "nas/space/architecture.hpp"
#include "nas/space/search_space.hpp"

namespace tilewake {

/// Depths of the stages of a supernet for a machine, with the latencies that they are based on.
struct DepthDesign {
  struct Stage {
    double first_block_ms = 0.0;  // of a full block with the stride
    double block_ms = 0.0;        // of a further full block
    int depth = 0;
    double stage_ms = 0.0;
  };
  std::vector<Stage> stages;
  double spread = 0.0;  // slowest stage / fastest
};

/// Chooses depths of at least 2 with the sum space.num_blocks, so that the stages of a network of
/// full blocks (every branch with its largest kernel and expansion) have nearly equal latency:
/// least spread, then least time. This moves blocks from slow early stages with large maps to fast
/// later ones, as in the published supernets (S3NAS, section 1 of the method).
///
/// Latencies are differences of estimates of whole networks. Throws InputError if num_blocks is
/// below 2 per stage.
DepthDesign design_depths(const SearchSpace& space, const LatencyEstimate& estimate);

/// `space` with these depths.
SearchSpace with_depths(const SearchSpace& space, const DepthDesign& design);

}  // namespace tilewake
