// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "nas/space/architecture.hpp"

namespace tilewake {

/// Sides of scaled inputs are multiples of this, in pixels.
inline constexpr std::int64_t kResolutionStep = 4;

/// Factors on depth, width and resolution.
struct Multipliers {
  double depth = 1.0;
  double width = 1.0;
  double resolution = 1.0;
};

/// Per stage round_half_up(n x depth) blocks. Every block is repeated as often as n divides the
/// added blocks; the remainder repeats the blocks with the most parameters once (ties: the later),
/// where the first block counts as its stride 1, in = out copy. Repeats follow their original. A
/// smaller depth removes the blocks with the fewest parameters, but never the first. At least one
/// block stays.
Architecture scale_depth(const Architecture& architecture, double depth);

/// `stage` with `depth` blocks (at least 1), by the rule of scale_depth.
ArchitectureStage with_depth(const ArchitectureStage& stage, std::size_t depth, double se_ratio);

/// width x factor, rounded to a multiple of `divisor`, at least `divisor` and at least 90 %.
int scaled_width(int width, double factor, int divisor);

/// Scales stem, stages and head; a factor of 1 changes nothing.
Architecture scale_width(const Architecture& architecture, double width, int divisor);

/// Scales the sides of the input, rounded to a multiple of 4, at least 4; a factor of 1 changes
/// nothing.
Architecture scale_resolution(const Architecture& architecture, double resolution);

Architecture scale(const Architecture& architecture, const Multipliers& multipliers, int divisor);

/// Limits of a scaled network.
struct ScalingLimits {
  double latency_ms = 0.0;      // or of another cost, that of the estimate
  std::int64_t max_params = 0;  // 0: none
  int width_divisor = 16;
  /// The cost in words; empty: in ms.
  std::function<std::string(double cost)> as_text = {};
  /// Why a network within the limits exceeds another one; an empty text: it does not.
  std::function<std::string(const Network& network)> exceeds = {};
};

/// A network evaluated by scaling.
struct ScalingCandidate {
  Multipliers multipliers;         // per unit of phi: alpha, beta, gamma
  double phi = 0.0;                // the network is scaled by alpha^phi, beta^phi, gamma^phi
  Architecture architecture;       // after filling the slack
  std::vector<std::string> fills;  // "width of stage 2 24 -> 32", in order
  double scaled_ms = 0.0;          // before filling the slack; 0 if not estimated
  double estimated_ms = 0.0;       // after filling the slack
  std::int64_t params = 0;
  std::string rejected;    // why it was rejected ("same network as #2", counted from 1 in the
                           // order of the grid, ...); empty if it was not
  std::string limited_by;  // the limit exceeded by a larger phi: "2.5112 ms, more than 2.5000"
};

/// Compound scaling to the limit. The grid has (alpha, beta, gamma) with alpha beta^2 gamma^2 = 2
/// (depth, width, resolution; each alone, in pairs, all three) and the published (1.1, 1.1, 1.2).
/// For each, the largest phi whose estimate and parameters are within `limits` is found by
/// bisection to 1e-4. The remaining slack is filled greedily with single steps (one block, one
/// width step of a stage, 4 pixels), each the one that brings the network closest to the limit. A
/// network beyond the limit is scaled down (phi < 0). Networks that exceed the machine or
/// SpaceLimits count as beyond the limits.
///
/// Returns every candidate, including rejected ones, in the order of the grid. Throws InputError
/// for invalid limits, or if `architecture` itself is invalid.
std::vector<ScalingCandidate> scale_to_limit(const Architecture& architecture,
                                             const ScalingLimits& limits,
                                             const LatencyEstimate& estimate);

/// Only fills the slack: adds steps within the limits until none fits. A network beyond the limits
/// is rejected.
ScalingCandidate fill_slack(const Architecture& architecture, const ScalingLimits& limits,
                            const LatencyEstimate& estimate);

}  // namespace tilewake
