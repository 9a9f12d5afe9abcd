// SPDX-License-Identifier: Apache-2.0
#include "nas/space/depth_design.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "nas/space/outcome.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

using Stage = DepthDesign::Stage;

constexpr int kMinDepth = 2;  // the block with the stride, and one that can be skipped
constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr double kTolerance = 1e-12;  // for rounding of equal times

Network full_network(SearchSpace space, const std::vector<int>& depths) {
  for (std::size_t s = 0; s < depths.size(); ++s) space.stages[s].depth = depths[s];
  return to_network(architecture_of(space, full_outcomes(space)));
}

/// `network` up to and including the last layer of `block`, or the layer of that name.
Network prefix_of(Network network, const std::string& block) {
  const auto last =
      std::find_if(network.layers.rbegin(), network.layers.rend(),
                   [&](const Layer& layer) { return layer.block == block || layer.name == block; });
  network.layers.erase(last.base(), network.layers.end());
  return network;
}

double positive(double ms, std::size_t stage, const std::string& what) {
  if (ms > 0.0) return ms;
  throw InputError(
      fmt::format("stage {}: the estimate of {} is {}; it must be positive", stage + 1, what, ms));
}

/// Measures blocks as differences of networks: a further block in the whole network, a first block
/// at the end of its prefix, as no network is valid without it.
std::vector<Stage> measure(const SearchSpace& space, const LatencyEstimate& estimate) {
  const std::vector<int> depths(space.stages.size(), kMinDepth);
  const Network network = full_network(space, depths);
  const double network_ms = estimate(network);
  std::vector<Stage> stages(depths.size());
  std::string before = "stem";
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const std::string first = fmt::format("stage{}.0", s + 1);
    stages[s].first_block_ms =
        positive(estimate(prefix_of(network, first)) - estimate(prefix_of(network, before)), s,
                 "its first block");
    before = fmt::format("stage{}.{}", s + 1, kMinDepth - 1);
    std::vector<int> deeper = depths;
    ++deeper[s];
    stages[s].block_ms =
        positive(estimate(full_network(space, deeper)) - network_ms, s, "a further block");
  }
  return stages;
}

double time_at(const Stage& stage, int depth) {
  return stage.first_block_ms + (depth - 1) * stage.block_ms;
}

/// Finds depths of a given sum with the least spread and, among these, the least time.
///
/// The fastest stage of the optimum takes a time `low` that is a time of some stage at some depth:
/// all of these are tried. For a given `low`, each stage has a minimum depth. The remaining blocks
/// are added to the stage that stays fastest, which minimizes the slowest time. Between these two
/// times, the cheapest solution adds the remaining blocks where they cost least.
class DepthSearch {
 public:
  DepthSearch(const std::vector<Stage>& stages, int num_blocks)
      : stages_(stages), num_blocks_(num_blocks) {}

  std::vector<int> best() {
    for (const Stage& stage : stages_) {
      for (int depth = kMinDepth; depth <= SpaceLimits::kMaxDepth; ++depth)
        try_fastest(time_at(stage, depth));
    }
    return best_;
  }

 private:
  void try_fastest(double low) {
    std::vector<int> least;
    for (const Stage& stage : stages_) least.push_back(least_depth(stage, low));
    std::vector<int> depths = least;
    if (!fill(depths, [](const Stage& stage, int depth) { return time_at(stage, depth); })) return;
    const double high = slowest(depths);
    // Rounding must not exclude the depths that resulted in `high`.
    const double bound = high * (1.0 + kTolerance);
    depths = least;
    const bool filled = fill(depths, [&](const Stage& stage, int depth) {
      if (time_at(stage, depth) > bound) return kNever;
      return stage.block_ms;
    });
    if (filled) keep_better(depths);
  }

  static int least_depth(const Stage& stage, double low) {
    int depth = kMinDepth;
    while (depth <= SpaceLimits::kMaxDepth && time_at(stage, depth) < low) ++depth;
    return depth;
  }

  /// Adds blocks one by one at the least `cost` of the new depth, up to num_blocks_.
  template <typename Cost>
  bool fill(std::vector<int>& depths, Cost cost) const {
    for (const int depth : depths) {
      if (depth > SpaceLimits::kMaxDepth) return false;
    }
    const int missing = num_blocks_ - std::accumulate(depths.begin(), depths.end(), 0);
    if (missing < 0) return false;
    for (int i = 0; i < missing; ++i) {
      std::size_t chosen = 0;
      double least = kNever;
      for (std::size_t s = 0; s < stages_.size(); ++s) {
        if (depths[s] == SpaceLimits::kMaxDepth) continue;
        const double value = cost(stages_[s], depths[s] + 1);
        if (value < least) {
          least = value;
          chosen = s;
        }
      }
      if (least == kNever) return false;
      ++depths[chosen];
    }
    return true;
  }

  double slowest(const std::vector<int>& depths) const {
    double high = 0.0;
    for (std::size_t s = 0; s < depths.size(); ++s)
      high = std::max(high, time_at(stages_[s], depths[s]));
    return high;
  }

  void keep_better(const std::vector<int>& depths) {
    double low = kNever;
    double total = 0.0;
    for (std::size_t s = 0; s < depths.size(); ++s) {
      low = std::min(low, time_at(stages_[s], depths[s]));
      total += time_at(stages_[s], depths[s]);
    }
    const double spread = slowest(depths) / low;
    const bool is_less = spread < best_spread_ * (1.0 - kTolerance);
    const bool is_equal = spread <= best_spread_ * (1.0 + kTolerance);
    if (!is_less && !(is_equal && total < best_total_)) return;
    best_ = depths;
    best_spread_ = spread;
    best_total_ = total;
  }

  const std::vector<Stage>& stages_;
  int num_blocks_;
  std::vector<int> best_;
  double best_spread_ = std::numeric_limits<double>::max();
  double best_total_ = kNever;
};

}  // namespace

DepthDesign design_depths(const SearchSpace& space, const LatencyEstimate& estimate) {
  const auto num_stages = static_cast<int>(space.stages.size());
  if (space.num_blocks < kMinDepth * num_stages ||
      space.num_blocks > SpaceLimits::kMaxDepth * num_stages) {
    throw InputError(fmt::format("space '{}': {} blocks for {} stages; each stage needs {} to {}",
                                 space.name, space.num_blocks, num_stages, kMinDepth,
                                 SpaceLimits::kMaxDepth));
  }
  DepthDesign design;
  design.stages = measure(space, estimate);
  const std::vector<int> depths = DepthSearch(design.stages, space.num_blocks).best();
  double low = std::numeric_limits<double>::max();
  double high = 0.0;
  for (std::size_t s = 0; s < depths.size(); ++s) {
    Stage& stage = design.stages[s];
    stage.depth = depths[s];
    stage.stage_ms = time_at(stage, stage.depth);
    low = std::min(low, stage.stage_ms);
    high = std::max(high, stage.stage_ms);
  }
  design.spread = high / low;
  return design;
}

SearchSpace with_depths(const SearchSpace& space, const DepthDesign& design) {
  SearchSpace designed = space;
  for (std::size_t s = 0; s < designed.stages.size(); ++s)
    designed.stages[s].depth = design.stages.at(s).depth;
  designed.num_blocks = 0;
  return designed;
}

}  // namespace tilewake
