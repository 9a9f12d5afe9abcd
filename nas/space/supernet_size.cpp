// SPDX-License-Identifier: Apache-2.0
#include "nas/space/supernet_size.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "nas/space/outcome.hpp"
#include "nas/space/scaling.hpp"

namespace tilewake {
namespace {

constexpr int kWidthSteps = 16;  // per factor of 2
constexpr int kMaxBlocksFactor = 2;

SearchSpace with_width(const SearchSpace& space, double factor) {
  if (factor == 1.0) return space;
  SearchSpace scaled = space;
  const auto scale = [&](int width) { return scaled_width(width, factor, space.width_divisor); };
  scaled.stem_width = scale(scaled.stem_width);
  scaled.head_width = scale(scaled.head_width);
  for (StageSpace& stage : scaled.stages) stage.width = scale(stage.width);
  return scaled;
}

bool is_too_wide(const SearchSpace& space) {
  const auto is_wide = [](int width) { return width > SpaceLimits::kMaxWidth; };
  return is_wide(space.stem_width) || is_wide(space.head_width) ||
         std::any_of(space.stages.begin(), space.stages.end(),
                     [&](const StageSpace& stage) { return is_wide(stage.width); });
}

/// Finds the width at which the supernet is nearest to the latency.
class WidthSearch {
 public:
  WidthSearch(const LatencyEstimate& estimate, double limit_ms, double ratio)
      : estimate_(estimate), limit_ms_(limit_ms), ratio_(ratio) {}

  /// The supernet of this number of blocks whose latency is nearest to ratio x limit.
  SupernetSize nearest(SearchSpace space, int num_blocks) const {
    space.num_blocks = num_blocks;
    std::optional<SupernetSize> best;
    std::optional<SearchSpace> before;
    for (int i = -kWidthSteps; i <= kWidthSteps; ++i) {
      const double factor = std::exp2(static_cast<double>(i) / kWidthSteps);
      const SearchSpace wider = with_width(space, factor);
      if (is_too_wide(wider)) break;
      if (before && *before == wider) continue;
      before = wider;
      SupernetSize size = size_of(wider, factor);
      const bool exceeds = size.full_ms > (1.0 + kSupernetRatioTolerance) * ratio_ * limit_ms_;
      // Of equal latencies the widest: narrow maps leave lanes of the machine idle.
      if (!best || distance(size) <= distance(*best)) best = std::move(size);
      if (exceeds) break;  // wider ones exceed it more
    }
    return *best;
  }

  double distance(const SupernetSize& size) const {
    return std::abs(std::log(size.full_ms / (ratio_ * limit_ms_)));
  }

  SupernetSize size_of(const SearchSpace& space, double factor) const {
    SupernetSize size;
    size.depths = design_depths(space, estimate_);
    size.space = with_depths(space, size.depths);
    size.width = factor;
    size.full_ms = estimate_(to_network(architecture_of(size.space, full_outcomes(size.space))));
    size.is_within =
        std::abs(size.full_ms - ratio_ * limit_ms_) <= kSupernetRatioTolerance * ratio_ * limit_ms_;
    return size;
  }

 private:
  const LatencyEstimate& estimate_;
  double limit_ms_;
  double ratio_;
};

}  // namespace

SupernetSize size_supernet(const SearchSpace& space, const LatencyEstimate& estimate,
                           double limit_ms, double ratio) {
  const WidthSearch widths(estimate, limit_ms, ratio);
  if (SupernetSize given = widths.size_of(space, 1.0); given.is_within) return given;
  SupernetSize best = widths.nearest(space, space.num_blocks);
  const auto num_stages = static_cast<int>(space.stages.size());
  const int least = 2 * num_stages;
  const int most = std::min(kMaxBlocksFactor * space.num_blocks, SpaceLimits::kMaxBlocks);
  const int step = best.full_ms > limit_ms * ratio ? -1 : 1;
  for (int n = space.num_blocks + step; !best.is_within && n >= least && n <= most; n += step) {
    SupernetSize size = widths.nearest(space, n);
    if (widths.distance(size) < widths.distance(best)) best = std::move(size);
  }
  return best;
}

}  // namespace tilewake
