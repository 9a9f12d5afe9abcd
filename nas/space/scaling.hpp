// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "nas/space/architecture.hpp"
#include "nas/space/latency.hpp"

namespace tilewake {

/// Sides of scaled inputs are multiples of it, in pixels.
inline constexpr std::int64_t kResolutionStep = 4;

/// Factors on depth, width and resolution.
struct Multipliers {
  double depth = 1.0;
  double width = 1.0;
  double resolution = 1.0;
};

/// Per stage round_half_up(n x depth) blocks. Every block is repeated as often as n goes into the
/// blocks to add; what remains are one each of the blocks with the most parameters (ties: the
/// later), the first block counted as its stride 1, in = out copy. Repeats stand behind their
/// original. Where blocks are to go, those with the fewest parameters do, but never the first. At
/// least one block stays.
Architecture scale_depth(const Architecture& architecture, double depth);

/// `stage` with that many blocks (at least 1), by the rule of scale_depth.
ArchitectureStage with_depth(const ArchitectureStage& stage, std::size_t depth, double se_ratio);

/// f times the width, to the nearest multiple of `divisor`, at least `divisor` and at least 90 %.
int scaled_width(int width, double factor, int divisor);

/// Stem, stages and head; a factor of 1 changes nothing.
Architecture scale_width(const Architecture& architecture, double width, int divisor);

/// Sides of the input, to the nearest multiple of 4, at least 4; a factor of 1 changes nothing.
Architecture scale_resolution(const Architecture& architecture, double resolution);

Architecture scale(const Architecture& architecture, const Multipliers& multipliers, int divisor);

/// What a scaled network must keep to.
struct ScalingLimits {
  double latency_ms = 0.0;
  std::int64_t max_params = 0;  // 0 for none
  int width_divisor = 16;
};

/// A network that scaling tried.
struct ScalingCandidate {
  Multipliers multipliers;         // per unit of phi: alpha, beta, gamma
  double phi = 0.0;                // the network is scaled by alpha^phi, beta^phi, gamma^phi
  Architecture architecture;       // slack filled
  std::vector<std::string> fills;  // "width of stage 2 24 -> 32", in order
  double scaled_ms = 0.0;          // before the slack was filled; 0 if it was not even estimated
  double estimated_ms = 0.0;       // after
  std::int64_t params = 0;
  std::string rejected;    // why it is no candidate ("same network as #2", counted from 1 in the
                           // order of the grid, ...); empty if it is
  std::string limited_by;  // the limit that a larger phi exceeds: "2.5112 ms, more than 2.5000"
};

/// Compound scaling to the limit: for a grid of (alpha, beta, gamma) with alpha beta^2 gamma^2 = 2
/// (depth, width, resolution; each alone, in pairs, all three) and the published (1.1, 1.1, 1.2),
/// the largest phi whose estimate and parameters are within `limits`, by bisection to 1e-4; what is
/// left of the limit is filled greedily with single steps (one block, one width step of a stage, 4
/// pixels), each the one that brings the network closest to the limit. A network beyond the limit
/// is scaled down (phi < 0). What the machine or SpaceLimits cannot hold is beyond the limits as
/// well.
///
/// Returns every candidate tried, the rejected ones too, in the order of the grid. Throws
/// InputError for limits that make no sense, or where no network can be made of `architecture`
/// itself.
std::vector<ScalingCandidate> scale_to_limit(const Architecture& architecture,
                                             const ScalingLimits& limits,
                                             const LatencyEstimate& estimate);

/// Fills the slack alone: steps, each within the limits, until none fits. A network that is beyond
/// the limits from the start is rejected.
ScalingCandidate fill_slack(const Architecture& architecture, const ScalingLimits& limits,
                            const LatencyEstimate& estimate);

}  // namespace tilewake
