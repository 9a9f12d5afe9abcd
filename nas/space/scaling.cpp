// SPDX-License-Identifier: Apache-2.0
#include "nas/space/scaling.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <utility>

namespace tilewake {
namespace {

// Tolerance for products slightly below an exact half.
constexpr double kRounding = 1e-9;

std::int64_t round_half_up(double value) {
  return static_cast<std::int64_t>(std::floor(value + 0.5 + kRounding));
}

/// Parameters of each block of a stage as a repeat: stride 1, in = out.
std::vector<std::int64_t> params_of_repeats(const ArchitectureStage& stage, double se_ratio) {
  std::vector<std::int64_t> params;
  for (const ArchitectureBlock& block : stage.blocks)
    params.push_back(num_block_params(block, stage.width, stage.width, se_ratio));
  return params;
}

/// Indices of the blocks by descending parameters; of equal ones the later first.
std::vector<std::size_t> by_params(const ArchitectureStage& stage, double se_ratio) {
  const std::vector<std::int64_t> params = params_of_repeats(stage, se_ratio);
  std::vector<std::size_t> order(params.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return params[a] != params[b] ? params[a] > params[b] : a > b;
  });
  return order;
}

void repeat_blocks(ArchitectureStage& stage, std::size_t num_more, double se_ratio) {
  const std::size_t n = stage.blocks.size();
  std::vector<std::size_t> copies(n, 1 + num_more / n);
  const std::vector<std::size_t> order = by_params(stage, se_ratio);
  for (std::size_t i = 0; i < num_more % n; ++i) ++copies[order[i]];
  std::vector<ArchitectureBlock> blocks;
  for (std::size_t i = 0; i < n; ++i) blocks.insert(blocks.end(), copies[i], stage.blocks[i]);
  stage.blocks = std::move(blocks);
}

void remove_blocks(ArchitectureStage& stage, std::size_t num_fewer, double se_ratio) {
  std::vector<std::size_t> order = by_params(stage, se_ratio);
  order.erase(std::find(order.begin(), order.end(), std::size_t{0}));  // the first block stays
  std::vector<std::size_t> removed(order.end() - static_cast<std::ptrdiff_t>(num_fewer),
                                   order.end());
  std::sort(removed.rbegin(), removed.rend());
  for (const std::size_t i : removed)
    stage.blocks.erase(stage.blocks.begin() + static_cast<std::ptrdiff_t>(i));
}

std::int64_t scaled_side(std::int64_t side, double factor) {
  const double steps = static_cast<double>(side) * factor / static_cast<double>(kResolutionStep);
  return std::max(kResolutionStep, round_half_up(steps) * kResolutionStep);
}

}  // namespace

ArchitectureStage with_depth(const ArchitectureStage& stage, std::size_t depth, double se_ratio) {
  assert(depth > 0 && !stage.blocks.empty());
  ArchitectureStage result = stage;
  const std::size_t n = stage.blocks.size();
  if (depth > n) repeat_blocks(result, depth - n, se_ratio);
  if (depth < n) remove_blocks(result, n - depth, se_ratio);
  return result;
}

Architecture scale_depth(const Architecture& architecture, double depth) {
  Architecture scaled = architecture;
  for (ArchitectureStage& stage : scaled.stages) {
    const auto n = round_half_up(static_cast<double>(stage.blocks.size()) * depth);
    stage =
        with_depth(stage, static_cast<std::size_t>(std::max<std::int64_t>(n, 1)), scaled.se_ratio);
  }
  return scaled;
}

int scaled_width(int width, double factor, int divisor) {
  assert(divisor > 0);
  const double exact = factor * width;
  const auto rounded = static_cast<int>(round_half_up(exact / divisor)) * divisor;
  const int at_least = std::max(divisor, rounded);
  return at_least < 0.9 * exact ? at_least + divisor : at_least;
}

Architecture scale_width(const Architecture& architecture, double width, int divisor) {
  if (width == 1.0) return architecture;
  Architecture scaled = architecture;
  scaled.stem_width = scaled_width(scaled.stem_width, width, divisor);
  for (ArchitectureStage& stage : scaled.stages)
    stage.width = scaled_width(stage.width, width, divisor);
  scaled.head_width = scaled_width(scaled.head_width, width, divisor);
  return scaled;
}

Architecture scale_resolution(const Architecture& architecture, double resolution) {
  if (resolution == 1.0) return architecture;
  Architecture scaled = architecture;
  scaled.input.height = scaled_side(scaled.input.height, resolution);
  scaled.input.width = scaled_side(scaled.input.width, resolution);
  return scaled;
}

Architecture scale(const Architecture& architecture, const Multipliers& multipliers, int divisor) {
  return scale_resolution(
      scale_width(scale_depth(architecture, multipliers.depth), multipliers.width, divisor),
      multipliers.resolution);
}

}  // namespace tilewake
