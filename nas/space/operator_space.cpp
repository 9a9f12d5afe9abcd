// SPDX-License-Identifier: Apache-2.0
#include "nas/space/operator_space.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nas/space/frame_fields.hpp"
#include "nas/space/space_schemas.hpp"
#include "simulator/common/math.hpp"
#include "simulator/common/nearest_name.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

constexpr const char* kOperators = "operators";

const std::vector<std::string>& pool_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Operator& op : operator_pool()) all.push_back(to_string(op));
    return all;
  }();
  return names;
}

std::vector<Operator> named_operators(const YamlReader& yaml, const std::vector<std::string>& names,
                                      const std::string& key) {
  std::vector<Operator> operators;
  for (const std::string& name : names) {
    const std::optional<Operator> op = operator_named(name);
    if (!op) {
      const std::vector<std::string>& known = pool_names();
      yaml.fail(key, fmt::format("'{}' is not an operator; the pool has {}{}", printable(name),
                                 fmt::join(known, ", "), suggestion(name, known)));
    }
    yaml.check(std::find(operators.begin(), operators.end(), *op) == operators.end(), key,
               fmt::format("lists {} twice", name));
    operators.push_back(*op);
  }
  yaml.check(!operators.empty(), key, "must not be empty");
  return operators;
}

using OperatorNames = std::vector<std::string>;  // empty: not in the file

struct BlockEntry {
  OperatorNames operators;
};

/// A stage as in the file: either `depth` (0: not given) and `operators`, or `blocks`.
struct StageEntry {
  int width = 0;
  int stride = 1;
  int depth = 0;
  OperatorNames operators;
  std::vector<BlockEntry> blocks;
};

struct OperatorSpaceFile {
  OperatorSpace space;  // without stages
  AutoFrame automatic;
  OperatorNames operators;
  std::vector<StageEntry> stages;
};

void visit_operators(YamlFields& fields, OperatorNames& names, std::string_view meaning) {
  fields.texts(kOperators, names, {"", meaning}, pool_names());
}

void visit_fields(YamlFields& fields, StageEntry& stage) {
  fields.integer("width", stage.width, 1, SpaceLimits::kMaxWidth, {"channels", ""});
  fields.integer("stride", stage.stride, 1, SpaceLimits::kMaxStride,
                 {"pixels", "of the first block"});
  fields.optional([&] {
    fields.integer("depth", stage.depth, 1, SpaceLimits::kMaxDepth,
                   {"blocks", "of the stage, unless `blocks` is given"});
    visit_operators(fields, stage.operators,
                    "of each block (`identity` not of the first); default: those of the space");
    fields.items("blocks", stage.blocks, SpaceLimits::kMaxDepth,
                 [&](BlockEntry& block) {
                   visit_operators(fields, block.operators, "of this block, each once");
                 },
                 {"", "instead of `depth` and `operators`: one for each block"});
  });
}

void visit_fields(YamlFields& fields, OperatorSpaceFile& file) {
  visit_fields(fields, file.space.frame(), file.automatic);
  fields.optional([&] {
    fields.number("se_ratio", file.space.se_ratio, {SpaceLimits::kMinSeRatio, 1.0},
                  {"", "squeezed channels over a block's input channels"});
    visit_operators(fields, file.operators,
                    "of every stage without its own list, each once; default: all 49");
  });
  fields.items("stages", file.stages, SpaceLimits::kMaxStages,
               [&](StageEntry& stage) { visit_fields(fields, stage); },
               {"", "at most 256 blocks in all"});
  fields.optional([&] {
    fields.integer("width_divisor", file.space.width_divisor, 1, SpaceLimits::kMaxWidthDivisor,
                   {"channels", "scaled widths are multiples of it"});
    fields.integer("max_params", file.space.max_params, 0, SpaceLimits::kMaxParams,
                   {"parameters", "of the final network; 0: no limit"});
  });
}

/// The operators of those names; `otherwise` if there are none.
std::vector<Operator> operators_of(const YamlReader& yaml, const OperatorNames& names,
                                   const std::vector<Operator>& otherwise) {
  return names.empty() ? otherwise : named_operators(yaml, names, kOperators);
}

/// The operators of block `index` of a stage, of those given for all its blocks.
std::vector<Operator> operators_at(std::size_t index, std::vector<Operator> operators) {
  if (index == 0)
    operators.erase(std::remove(operators.begin(), operators.end(), kIdentity), operators.end());
  return operators;
}

OperatorStage stage_of(YamlReader yaml, const StageEntry& entry,
                       const std::vector<Operator>& of_space) {
  OperatorStage stage;
  stage.width = entry.width;
  stage.stride = entry.stride;
  if (entry.blocks.empty()) {
    yaml.check(entry.depth > 0, "depth", "missing: give a depth, or blocks");
    const std::vector<Operator> operators = operators_of(yaml, entry.operators, of_space);
    for (std::size_t i = 0; i < static_cast<std::size_t>(entry.depth); ++i)
      stage.blocks.push_back(operators_at(i, operators));
    yaml.check(!stage.blocks.front().empty(), kOperators,
               "must have one besides identity, for the first block");
  } else {
    yaml.check(entry.depth == 0, "depth", "conflicts with blocks; give one of them");
    yaml.check(entry.operators.empty(), kOperators,
               "conflicts with blocks, whose entries have their own");
    const std::vector<YamlReader> readers = yaml.items("blocks");
    for (std::size_t i = 0; i < entry.blocks.size(); ++i)
      stage.blocks.push_back(operators_of(readers[i], entry.blocks[i].operators, {}));
    readers[0].check(operators_at(0, stage.blocks[0]) == stage.blocks[0], kOperators,
                     "has identity; the first block of a stage cannot be skipped");
  }
  for (const std::vector<Operator>& block : stage.blocks) {
    for (const Operator& op : block) {
      yaml.check(!needs_even_width(op) || stage.width % 2 == 0, "width",
                 fmt::format("must be even for {}", to_string(op)));
    }
  }
  return stage;
}

/// Scaled widths are multiples of the divisor: with an odd one, every other scaled network would be
/// invalid.
void check_width_divisor(const YamlReader& root, const OperatorSpace& space) {
  if (space.width_divisor % 2 == 0) return;
  for (const OperatorPosition& position : positions_of(space)) {
    for (const Operator& op : position.operators) {
      root.check(!needs_even_width(op), "width_divisor",
                 fmt::format("must be even for {}, not {}", to_string(op), space.width_divisor));
    }
  }
}

/// Builds the network of the widest operators: feature maps can be too large although every size is
/// within its limits.
void check_largest_network(const OperatorSpace& space) {
  OperatorPath path;
  for (const OperatorPosition& position : positions_of(space)) {
    const auto widest = std::max_element(position.operators.begin(), position.operators.end(),
                                         [](const Operator& a, const Operator& b) {
                                           return a.is_identity() != b.is_identity()
                                                      ? a.is_identity()
                                                      : a.expansion_ratio < b.expansion_ratio;
                                         });
    path.push_back(static_cast<int>(widest - position.operators.begin()));
  }
  to_network(architecture_of(space, path));
}

OperatorSpace read_operator_document(YamlReader root, const DataShape* data) {
  root.check(!root.has("branches"), "branches",
             "this is a space of MixConv blocks, which s3nas and flops search; needed is one of "
             "operators");
  OperatorSpaceFile file;
  YamlFieldReader fields(root);
  visit_fields(fields, file);
  fields.finish();
  OperatorSpace space = file.space;
  follow_data(root, file.automatic, data, space);
  check_frame(root, space);
  const std::vector<Operator> operators = operators_of(root, file.operators, operator_pool());
  const std::vector<YamlReader> readers = root.items("stages");
  std::size_t num_blocks = 0;
  for (std::size_t i = 0; i < file.stages.size(); ++i) {
    space.stages.push_back(stage_of(readers[i], file.stages[i], operators));
    num_blocks += space.stages.back().blocks.size();
  }
  root.check(num_blocks <= SpaceLimits::kMaxBlocks, "stages",
             fmt::format("have {} blocks; the limit is {}", num_blocks, SpaceLimits::kMaxBlocks));
  if (file.automatic.input) {
    std::vector<int*> strides = {&space.stem_stride};
    for (OperatorStage& stage : space.stages) strides.push_back(&stage.stride);
    limit_spread_strides(space.input.height, strides);
  }
  check_width_divisor(root, space);
  located_at(root, "stages", [&] { check_largest_network(space); });
  return space;
}

std::string operators_text(const std::vector<Operator>& operators) {
  std::vector<std::string> names;
  for (const Operator& op : operators) names.push_back(to_string(op));
  return fmt::format("operators: [{}]", fmt::join(names, ", "));
}

}  // namespace

YamlSchema operator_space_schema() {
  OperatorSpaceFile file;
  return schema_of([&](YamlFields& fields) { visit_fields(fields, file); });
}

bool OperatorSpace::has_whole_pool() const {
  return std::any_of(stages.begin(), stages.end(), [](const OperatorStage& stage) {
    for (std::size_t i = 0; i < stage.blocks.size(); ++i) {
      if (stage.blocks[i].size() == operators_at(i, operator_pool()).size()) return true;
    }
    return false;
  });
}

std::vector<OperatorPosition> positions_of(const OperatorSpace& space) {
  std::vector<OperatorPosition> positions;
  int channels = space.stem_width;
  std::int64_t height = ceil_div(space.input.height, std::int64_t{space.stem_stride});
  std::int64_t width = ceil_div(space.input.width, std::int64_t{space.stem_stride});
  for (std::size_t s = 0; s < space.stages.size(); ++s) {
    const OperatorStage& stage = space.stages[s];
    for (std::size_t b = 0; b < stage.blocks.size(); ++b) {
      OperatorPosition position;
      position.name = fmt::format("stage{}.{}", s + 1, b);
      position.in_channels = std::exchange(channels, stage.width);
      position.out_channels = stage.width;
      position.stride = b == 0 ? stage.stride : 1;
      position.height = height;
      position.width = width;
      position.operators = stage.blocks[b];
      height = ceil_div(height, std::int64_t{position.stride});
      width = ceil_div(width, std::int64_t{position.stride});
      positions.push_back(std::move(position));
    }
  }
  return positions;
}

Architecture architecture_of(const OperatorSpace& space, const OperatorPath& path) {
  Architecture architecture;
  architecture.frame() = space.frame();
  architecture.se_ratio = space.se_ratio;
  auto choice = path.begin();
  for (const OperatorStage& stage_space : space.stages) {
    ArchitectureStage stage;
    stage.width = stage_space.width;
    stage.stride = stage_space.stride;
    for (const std::vector<Operator>& operators : stage_space.blocks) {
      assert(choice != path.end());
      const Operator& op = operators.at(static_cast<std::size_t>(*choice++));
      if (!op.is_identity()) stage.blocks.push_back(block_of(op, space.activation));
    }
    architecture.stages.push_back(std::move(stage));
  }
  assert(choice == path.end());
  return architecture;
}

double log10_num_networks(const OperatorSpace& space) {
  double sum = 0.0;
  for (const OperatorStage& stage : space.stages) {
    for (const auto& block : stage.blocks) sum += std::log10(static_cast<double>(block.size()));
  }
  return sum;
}

OperatorSpace read_operator_space(const std::string& path) {
  return read_operator_document(YamlReader::from_file(path), nullptr);
}

OperatorSpace read_operator_space_text(const std::string& text, const std::string& name) {
  return read_operator_document(YamlReader::from_text(text, name), nullptr);
}

OperatorSpace read_operator_space_for(const DataShape& data, const std::string& text,
                                      const std::string& name) {
  return read_operator_document(YamlReader::from_text(text, name), &data);
}

std::string operator_space_yaml(const OperatorSpace& space) {
  std::string text = frame_text(space);
  text += fmt::format("se_ratio: {}\nstages:\n", space.se_ratio);
  for (const OperatorStage& stage : space.stages) {
    text += fmt::format("  - width: {}\n    stride: {}\n    blocks:\n", stage.width, stage.stride);
    for (const std::vector<Operator>& block : stage.blocks)
      text += fmt::format("      - {{{}}}\n", operators_text(block));
  }
  return text +
         fmt::format("width_divisor: {}\nmax_params: {}\n", space.width_divisor, space.max_params);
}

}  // namespace tilewake
