// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "nas/space/latency.hpp"
#include "nas/space/search_space.hpp"

namespace tilewake {

/// How deep the stages of a supernet should be on a machine, and why.
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

/// Chooses depths of at least 2 that add up to space.num_blocks, such that the stages of a network
/// of full blocks (every branch with its largest kernel and expansion) take as equal a time as
/// possible: least spread, then least time. Blocks so move from slow stages of large maps to cheap
/// late ones, as in the published supernets (S3NAS, section 1 of the method).
///
/// Latencies are differences of whole networks' estimates. Throws InputError where num_blocks is
/// below 2 per stage.
DepthDesign design_depths(const SearchSpace& space, const LatencyEstimate& estimate);

/// `space` with these depths.
SearchSpace with_depths(const SearchSpace& space, const DepthDesign& design);

}  // namespace tilewake
