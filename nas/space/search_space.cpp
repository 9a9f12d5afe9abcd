// SPDX-License-Identifier: Apache-2.0
#include "nas/space/search_space.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nas/space/frame_fields.hpp"
#include "nas/space/outcome.hpp"
#include "nas/space/space_schemas.hpp"

namespace tilewake {
namespace {

void visit_fields(YamlFields& fields, BranchSpace& branch) {
  fields.integers("kernels", branch.kernels, 1, SpaceLimits::kMaxKernel,
                  {"pixels", "odd, ascending"});
  fields.integers("expansion_ratios", branch.expansion_ratios, 0, SpaceLimits::kMaxExpansionRatio,
                  {"", "ascending; with 0 the branch may vanish"});
}

/// Kinds of blocks that a supernet has, by their names in operator pools.
constexpr std::array<std::pair<std::string_view, BlockOp>, 4> kStageBlockNames = {{
    {"mbconv", BlockOp::kMixConv},
    {"fused", BlockOp::kFused},
    {"basic", BlockOp::kBasic},
    {"conv", BlockOp::kConv},
}};

void visit_fields(YamlFields& fields, StageSpace& stage) {
  fields.integer("width", stage.width, 1, SpaceLimits::kMaxWidth, {"channels", ""});
  fields.integer("stride", stage.stride, 1, SpaceLimits::kMaxStride,
                 {"pixels", "of the first block"});
  fields.optional([&] {
    fields.integer("depth", stage.depth, 1, SpaceLimits::kMaxDepth,
                   {"blocks", "of every stage, unless `num_blocks` is given"});
    fields.word(
        "block", stage.block, kStageBlockNames,
        {"",
         "`fused`: dense kernels instead of depthwise ones; `basic`: the same, and a dense 3x3 "
         "instead of the 1x1; `conv`: one dense convolution"});
    fields.items(
        "branches", stage.branches, SpaceLimits::kMaxBranches,
        [&](BranchSpace& branch) { visit_fields(fields, branch); },
        {"", "of its blocks; default: those of the space. `conv` only takes their kernels"});
  });
}

void visit_fields(YamlFields& fields, SearchSpace& space, AutoFrame& automatic) {
  visit_fields(fields, space.frame(), automatic);
  fields.items("branches", space.branches, SpaceLimits::kMaxBranches,
               [&](BranchSpace& branch) { visit_fields(fields, branch); },
               {"",
                "of every block of a stage without its own; at most 100,000 combinations of "
                "kernels and expansion ratios"});
  fields.items("stages", space.stages, SpaceLimits::kMaxStages,
               [&](StageSpace& stage) { visit_fields(fields, stage); },
               {"", "at most 256 blocks in all"});
  fields.optional([&] {
    fields.integer("num_blocks", space.num_blocks, 1, SpaceLimits::kMaxBlocks,
                   {"blocks",
                    "instead of every `depth`: the sum, distributed for a machine; 2 to 64 for "
                    "each stage"});
    fields.integer("width_divisor", space.width_divisor, 1, SpaceLimits::kMaxWidthDivisor,
                   {"channels", "scaled widths are multiples of it"});
    fields.integer("max_params", space.max_params, 0, SpaceLimits::kMaxParams,
                   {"parameters", "of the final network; 0: no limit"});
  });
}

void check_branch(const YamlReader& yaml, const BranchSpace& branch) {
  check_kernels(yaml, branch.kernels);
  for (std::size_t i = 1; i < branch.expansion_ratios.size(); ++i) {
    yaml.check(branch.expansion_ratios[i] > branch.expansion_ratios[i - 1], "expansion_ratios",
               "must be ascending and distinct");
  }
  yaml.check(branch.max_expansion_ratio() > 0, "expansion_ratios", "must include one above 0");
}

void check_branches(YamlReader& root, const std::vector<BranchSpace>& branches) {
  const std::vector<YamlReader> readers = root.items("branches");
  for (std::size_t i = 0; i < branches.size(); ++i) check_branch(readers[i], branches[i]);
  std::int64_t combinations = 1;  // at most (8 kernels x 17 ratios)^4
  for (const BranchSpace& branch : branches)
    combinations *=
        static_cast<std::int64_t>(branch.kernels.size() * branch.expansion_ratios.size());
  root.check(combinations <= SpaceLimits::kMaxCombinations, "branches",
             fmt::format("have {} combinations of kernels and expansion ratios; the limit is {}",
                         combinations, SpaceLimits::kMaxCombinations));
}

void check_stages(YamlReader& root, const SearchSpace& space) {
  const bool designed = space.num_blocks > 0;
  int total = 0;
  std::vector<YamlReader> readers = root.items("stages");
  for (std::size_t s = 0; s < readers.size(); ++s) {
    YamlReader& yaml = readers[s];
    if (yaml.has("branches")) check_branches(yaml, space.stages[s].branches);
    if (designed && yaml.has("depth"))
      yaml.fail("depth",
                "conflicts with num_blocks, for which depths are designed; give one of them");
    if (!designed && !yaml.has("depth"))
      yaml.fail("depth", "missing: give a depth for every stage, or num_blocks to design them");
  }
  for (const StageSpace& stage : space.stages) total += stage.depth;
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

SearchSpace read_search_document(YamlReader root, const DataShape* data) {
  root.check(
      root.has("branches"), "branches",
      "missing: not a space of MixConv blocks, but of operators (for hurricane, spos, random)");
  SearchSpace space;
  AutoFrame automatic;
  YamlFieldReader fields(root);
  visit_fields(fields, space, automatic);
  fields.finish();
  follow_data(root, automatic, data, space);
  check_frame(root, space);
  check_branches(root, space.branches);
  check_stages(root, space);
  if (automatic.input) {
    std::vector<int*> strides = {&space.stem_stride};
    for (StageSpace& stage : space.stages) strides.push_back(&stage.stride);
    limit_spread_strides(space.input.height, strides);
  }
  located_at(root, "stages", [&] { check_largest_network(space); });
  return space;
}

std::string depth_text(int depth) { return depth > 0 ? fmt::format(", depth: {}", depth) : ""; }

std::string branch_text(const BranchSpace& branch) {
  return fmt::format("{{kernels: [{}], expansion_ratios: [{}]}}", fmt::join(branch.kernels, ", "),
                     fmt::join(branch.expansion_ratios, ", "));
}

std::string blocks_text(const StageSpace& stage) {
  std::string text;
  for (const auto& [word, block] : kStageBlockNames) {
    if (block == stage.block && block != BlockOp::kMixConv)
      text += fmt::format(", block: {}", word);
  }
  if (stage.branches.empty()) return text;
  std::vector<std::string> branches;
  for (const BranchSpace& branch : stage.branches) branches.push_back(branch_text(branch));
  return text + fmt::format(", branches: [{}]", fmt::join(branches, ", "));
}

/// The branch that stays if a block cannot be skipped: the one with the largest kernel, of several
/// the last.
std::size_t permanent_branch(const std::vector<BranchSpace>& branches) {
  std::size_t last = 0;
  for (std::size_t i = 1; i < branches.size(); ++i) {
    if (branches[i].max_kernel() >= branches[last].max_kernel()) last = i;
  }
  return last;
}

bool all_vanish(const std::vector<BranchSpace>& branches) {
  return std::all_of(branches.begin(), branches.end(),
                     [](const BranchSpace& branch) { return branch.can_vanish(); });
}

/// The branches of the blocks of a stage, except its first block.
std::vector<BranchSpace> branches_of(const SearchSpace& space, const StageSpace& stage) {
  const std::vector<BranchSpace>& given = stage.branches.empty() ? space.branches : stage.branches;
  if (stage.block != BlockOp::kConv) return given;
  std::set<int> kernels;
  for (const BranchSpace& branch : given)
    kernels.insert(branch.kernels.begin(), branch.kernels.end());
  const std::vector<int> ratios = all_vanish(given) ? std::vector<int>{0, 1} : std::vector<int>{1};
  return {{{kernels.begin(), kernels.end()}, ratios}};
}

std::vector<BranchSpace> first_block_branches(std::vector<BranchSpace> branches) {
  std::vector<int>& ratios = branches[permanent_branch(branches)].expansion_ratios;
  if (ratios.front() == 0) ratios.erase(ratios.begin());
  return branches;
}

}  // namespace

YamlSchema search_space_schema() {
  SearchSpace space;
  AutoFrame automatic;
  return schema_of([&](YamlFields& fields) { visit_fields(fields, space, automatic); });
}

bool SearchSpace::has_depths() const {
  return !stages.empty() &&
         std::all_of(stages.begin(), stages.end(), [](const StageSpace& s) { return s.depth > 0; });
}

std::vector<BlockSpace> blocks_of(const SearchSpace& space) {
  assert(space.has_depths());
  std::vector<BlockSpace> blocks;
  int in_channels = space.stem_width;
  for (std::size_t s = 0; s < space.stages.size(); ++s) {
    const StageSpace& stage = space.stages[s];
    const std::vector<BranchSpace> branches = branches_of(space, stage);
    for (int i = 0; i < stage.depth; ++i) {
      BlockSpace block;
      block.name = fmt::format("stage{}.{}", s + 1, i);
      block.stage = static_cast<int>(s);
      block.index = i;
      block.in_channels = std::exchange(in_channels, stage.width);
      block.out_channels = stage.width;
      block.stride = i == 0 ? stage.stride : 1;
      block.op = stage.block;
      block.can_skip = i > 0 && all_vanish(branches);
      block.branches = i == 0 ? first_block_branches(branches) : branches;
      blocks.push_back(std::move(block));
    }
  }
  return blocks;
}

SearchSpace read_search_space(const std::string& path) {
  return read_search_document(YamlReader::from_file(path), nullptr);
}

SearchSpace read_search_space_text(const std::string& text, const std::string& name) {
  return read_search_document(YamlReader::from_text(text, name), nullptr);
}

SearchSpace read_search_space_for(const DataShape& data, const std::string& text,
                                  const std::string& name) {
  return read_search_document(YamlReader::from_text(text, name), &data);
}

std::string search_space_yaml(const SearchSpace& space) {
  std::string text = frame_text(space) + "branches:\n";
  for (const BranchSpace& branch : space.branches)
    text += fmt::format("  - {}\n", branch_text(branch));
  text += "stages:\n";
  for (const StageSpace& stage : space.stages) {
    text += fmt::format("  - {{width: {}, stride: {}{}{}}}\n", stage.width, stage.stride,
                        depth_text(stage.depth), blocks_text(stage));
  }
  if (space.num_blocks > 0) text += fmt::format("num_blocks: {}\n", space.num_blocks);
  return text +
         fmt::format("width_divisor: {}\nmax_params: {}\n", space.width_divisor, space.max_params);
}

}  // namespace tilewake
