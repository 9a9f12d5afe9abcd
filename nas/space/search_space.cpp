// SPDX-License-Identifier: Apache-2.0
#include "nas/space/search_space.hpp"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nas/space/frame.hpp"
#include "nas/space/outcome.hpp"

namespace tilewake {
namespace {

BranchSpace read_branch(YamlReader yaml) {
  BranchSpace branch;
  branch.kernels = read_kernels(yaml);
  branch.expansion_ratios = read_ints(yaml, "expansion_ratios", 0, SpaceLimits::kMaxExpansionRatio);
  for (std::size_t i = 1; i < branch.expansion_ratios.size(); ++i) {
    yaml.check(branch.expansion_ratios[i] > branch.expansion_ratios[i - 1], "expansion_ratios",
               "must be ascending and distinct");
  }
  yaml.check(branch.max_expansion_ratio() > 0, "expansion_ratios", "must include one above 0");
  yaml.finish();
  return branch;
}

std::vector<BranchSpace> read_branches(YamlReader& root) {
  std::vector<BranchSpace> branches;
  for (const YamlReader& yaml : root.items("branches")) {
    root.check(branches.size() < SpaceLimits::kMaxBranches, "branches",
               fmt::format("must be at most {}", SpaceLimits::kMaxBranches));
    branches.push_back(read_branch(yaml));
  }
  root.check(!branches.empty(), "branches", "must not be empty");
  std::int64_t combinations = 1;  // at most (8 kernels x 17 ratios)^4
  for (const BranchSpace& branch : branches)
    combinations *=
        static_cast<std::int64_t>(branch.kernels.size() * branch.expansion_ratios.size());
  root.check(combinations <= SpaceLimits::kMaxCombinations, "branches",
             fmt::format("have {} combinations of kernels and expansion ratios; the limit is {}",
                         combinations, SpaceLimits::kMaxCombinations));
  return branches;
}

StageSpace read_stage(YamlReader yaml, bool designed) {
  StageSpace stage;
  stage.width = read_int(yaml, "width", 1, SpaceLimits::kMaxWidth);
  stage.stride = read_int(yaml, "stride", 1, SpaceLimits::kMaxStride);
  if (designed && yaml.has("depth"))
    yaml.fail("depth",
              "conflicts with num_blocks, for which depths are designed; give one of them");
  if (!designed && !yaml.has("depth"))
    yaml.fail("depth", "missing: give a depth for every stage, or num_blocks to design them");
  if (!designed) stage.depth = read_int(yaml, "depth", 1, SpaceLimits::kMaxDepth);
  yaml.finish();
  return stage;
}

void read_stages(YamlReader& root, SearchSpace& space) {
  const bool designed = root.has("num_blocks");
  if (designed) space.num_blocks = read_int(root, "num_blocks", 1, SpaceLimits::kMaxBlocks);
  int total = 0;
  for (const YamlReader& yaml : root.items("stages")) {
    root.check(space.stages.size() < SpaceLimits::kMaxStages, "stages",
               fmt::format("must be at most {}", SpaceLimits::kMaxStages));
    space.stages.push_back(read_stage(yaml, designed));
    total += space.stages.back().depth;
  }
  root.check(!space.stages.empty(), "stages", "must not be empty");
  root.check(total <= SpaceLimits::kMaxBlocks, "stages",
             fmt::format("have {} blocks; the limit is {}", total, SpaceLimits::kMaxBlocks));
  if (!designed) return;
  const auto num_stages = static_cast<int>(space.stages.size());
  root.check(space.num_blocks >= 2 * num_stages, "num_blocks",
             fmt::format("must be at least 2 for each of the {} stages", num_stages));
  root.check(space.num_blocks <= SpaceLimits::kMaxDepth * num_stages, "num_blocks",
             fmt::format("must be at most {} for each of the {} stages", SpaceLimits::kMaxDepth,
                         num_stages));
}

/// Feature maps can be too large although every size is within its limits.
void check_largest_network(const SearchSpace& space) {
  SearchSpace largest = space;
  for (StageSpace& stage : largest.stages) stage.depth = std::max(stage.depth, 1);
  to_network(architecture_of(largest, full_outcomes(largest)));
}

SearchSpace read_search_document(YamlReader root) {
  SearchSpace space;
  space.frame() = read_frame(root);
  root.check(
      root.has("branches"), "branches",
      "missing: not a space of MixConv blocks, but of operators (for hurricane, spos, random)");
  space.branches = read_branches(root);
  read_stages(root, space);
  space.width_divisor = static_cast<int>(
      root.integer("width_divisor", 1, SpaceLimits::kMaxWidthDivisor, space.width_divisor));
  space.max_params = root.integer("max_params", 0, SpaceLimits::kMaxParams, space.max_params);
  root.finish();
  located_at(root, "stages", [&] { check_largest_network(space); });
  return space;
}

std::string depth_text(int depth) { return depth > 0 ? fmt::format(", depth: {}", depth) : ""; }

/// The branch that stays if a block cannot be skipped: the one with the largest kernel, of several
/// the last.
std::size_t permanent_branch(const std::vector<BranchSpace>& branches) {
  std::size_t last = 0;
  for (std::size_t i = 1; i < branches.size(); ++i) {
    if (branches[i].max_kernel() >= branches[last].max_kernel()) last = i;
  }
  return last;
}

std::vector<BranchSpace> first_block_branches(std::vector<BranchSpace> branches) {
  std::vector<int>& ratios = branches[permanent_branch(branches)].expansion_ratios;
  if (ratios.front() == 0) ratios.erase(ratios.begin());
  return branches;
}

}  // namespace

bool SearchSpace::has_depths() const {
  return !stages.empty() &&
         std::all_of(stages.begin(), stages.end(), [](const StageSpace& s) { return s.depth > 0; });
}

std::vector<BlockSpace> blocks_of(const SearchSpace& space) {
  assert(space.has_depths());
  const bool all_vanish =
      std::all_of(space.branches.begin(), space.branches.end(),
                  [](const BranchSpace& branch) { return branch.can_vanish(); });
  const std::vector<BranchSpace> first_branches = first_block_branches(space.branches);
  std::vector<BlockSpace> blocks;
  int in_channels = space.stem_width;
  for (std::size_t s = 0; s < space.stages.size(); ++s) {
    const StageSpace& stage = space.stages[s];
    for (int i = 0; i < stage.depth; ++i) {
      BlockSpace block;
      block.name = fmt::format("stage{}.{}", s + 1, i);
      block.stage = static_cast<int>(s);
      block.index = i;
      block.in_channels = std::exchange(in_channels, stage.width);
      block.out_channels = stage.width;
      block.stride = i == 0 ? stage.stride : 1;
      block.can_skip = i > 0 && all_vanish;
      block.branches = i == 0 ? first_branches : space.branches;
      blocks.push_back(std::move(block));
    }
  }
  return blocks;
}

SearchSpace read_search_space(const std::string& path) {
  return read_search_document(YamlReader::from_file(path));
}

SearchSpace read_search_space_text(const std::string& text, const std::string& name) {
  return read_search_document(YamlReader::from_text(text, name));
}

std::string search_space_yaml(const SearchSpace& space) {
  std::string text = frame_text(space) + "branches:\n";
  for (const BranchSpace& branch : space.branches) {
    text += fmt::format("  - {{kernels: [{}], expansion_ratios: [{}]}}\n",
                        fmt::join(branch.kernels, ", "), fmt::join(branch.expansion_ratios, ", "));
  }
  text += "stages:\n";
  for (const StageSpace& stage : space.stages) {
    text += fmt::format("  - {{width: {}, stride: {}{}}}\n", stage.width, stage.stride,
                        depth_text(stage.depth));
  }
  if (space.num_blocks > 0) text += fmt::format("num_blocks: {}\n", space.num_blocks);
  return text +
         fmt::format("width_divisor: {}\nmax_params: {}\n", space.width_divisor, space.max_params);
}

}  // namespace tilewake
