// SPDX-License-Identifier: Apache-2.0
#include "nas/space/architecture.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "simulator/network/block_expansion.hpp"

namespace tilewake {
namespace {

using Limits = SpaceLimits;

void check(bool ok, const std::string& where, const std::string& rule) {
  if (!ok) throw LayerError(where, rule);
}

void check_range(std::int64_t value, std::int64_t max, const std::string& where) {
  check(value >= 1 && value <= max, where, fmt::format("must be from 1 to {}, not {}", max, value));
}

/// The error of a block; empty if it is valid.
std::string problem_of(const ArchitectureBlock& block) {
  if (block.branches.empty()) return "has no branches";
  if (!has_expansion_ratios(block.op) &&
      (block.branches.size() > 1 || block.branches[0].expansion_ratio != 1)) {
    return "this operator takes one kernel and no expansion ratio";
  }
  int before = 0;
  for (const MixBranch& branch : block.branches) {
    if (branch.kernel < 1 || branch.kernel > Limits::kMaxKernel || branch.kernel % 2 == 0) {
      return fmt::format("kernels must be odd and from 1 to {}, not {}", Limits::kMaxKernel,
                         branch.kernel);
    }
    if (branch.expansion_ratio < 1 || branch.expansion_ratio > Limits::kMaxMergedRatio) {
      return fmt::format("expansion ratios must be from 1 to {}, not {}", Limits::kMaxMergedRatio,
                         branch.expansion_ratio);
    }
    if (branch.kernel <= before) return "kernels of its branches must be ascending and distinct";
    before = branch.kernel;
  }
  return "";
}

std::string block_name(std::size_t stage, std::size_t block) {
  return fmt::format("stage{}.{}", stage + 1, block);
}

void check_stages(const Architecture& architecture) {
  check_range(static_cast<std::int64_t>(architecture.stages.size()), Limits::kMaxStages,
              "number of stages");
  for (std::size_t s = 0; s < architecture.stages.size(); ++s) {
    const ArchitectureStage& stage = architecture.stages[s];
    const std::string name = fmt::format("stage{}: ", s + 1);
    check_range(stage.width, Limits::kMaxWidth, name + "width");
    check_range(stage.stride, Limits::kMaxStride, name + "stride");
    check_range(static_cast<std::int64_t>(stage.blocks.size()), Limits::kMaxDepth,
                name + "number of blocks");
    for (std::size_t b = 0; b < stage.blocks.size(); ++b) {
      const std::string problem = problem_of(stage.blocks[b]);
      if (!problem.empty()) throw LayerError(block_name(s, b), problem);
      const BlockOp op = stage.blocks[b].op;
      check((op != BlockOp::kShuffleUnit && op != BlockOp::kXceptionUnit) || stage.width % 2 == 0,
            block_name(s, b),
            fmt::format("a unit of two halves needs an even number of channels, not {}",
                        stage.width));
    }
  }
  check_range(architecture.num_blocks(), Limits::kMaxBlocks, "number of blocks");
}

void check_sizes(const Architecture& architecture) {
  check_range(architecture.input.channels, Limits::kMaxWidth, "input: channels");
  check_range(architecture.input.height, Limits::kMaxSide, "input: height");
  check_range(architecture.input.width, Limits::kMaxSide, "input: width");
  check_range(architecture.num_classes, Limits::kMaxClasses, "number of classes");
  check_range(architecture.stem_kernel, Limits::kMaxKernel, "stem: kernel");
  check(architecture.stem_kernel % 2 == 1, "stem: kernel", "must be odd");
  check_range(architecture.stem_stride, Limits::kMaxStride, "stem: stride");
  check_range(architecture.stem_width, Limits::kMaxWidth, "stem: width");
  check_range(architecture.head_width, Limits::kMaxWidth, "head: width");
  check(architecture.se_ratio >= Limits::kMinSeRatio && architecture.se_ratio <= 1.0, "se_ratio",
        fmt::format("must be from {} to 1", Limits::kMinSeRatio));
  check_stages(architecture);
}

Layer layer_of(const std::string& name, Op op, int input, int out_channels,
               Activation activation = Activation::kNone) {
  Layer layer;
  layer.name = name;
  layer.op = op;
  layer.inputs = {input};
  layer.ofm.channels = out_channels;
  layer.activation = activation;
  return layer;
}

Layer stem_of(const Architecture& architecture) {
  Layer stem = layer_of("stem", Op::kConv2d, kNetworkInput, architecture.stem_width,
                        architecture.activation);
  stem.kernel_height = stem.kernel_width = architecture.stem_kernel;
  stem.stride = architecture.stem_stride;
  return stem;
}

BlockKind kind_of(BlockOp op) {
  switch (op) {
    case BlockOp::kMixConv:
      return BlockKind::kMbconv;
    case BlockOp::kFused:
      return BlockKind::kConvblock;
    case BlockOp::kBasic:
      return BlockKind::kBasicBlock;
    case BlockOp::kConv:
      return BlockKind::kConvUnit;
    case BlockOp::kSeparable:
      return BlockKind::kSeparable;
    case BlockOp::kShuffleUnit:
      return BlockKind::kShuffleUnit;
    case BlockOp::kXceptionUnit:
      return BlockKind::kXceptionUnit;
  }
  throw LayerError("op", "unknown block");
}

Block block_entry(const ArchitectureBlock& block, std::string name, int width, int stride,
                  double se_ratio) {
  Block entry;
  entry.kind = kind_of(block.op);
  entry.name = std::move(name);
  for (const MixBranch& branch : block.branches) {
    entry.kernels.push_back(branch.kernel);
    if (has_expansion_ratios(block.op)) entry.expansion_ratios.push_back(branch.expansion_ratio);
  }
  entry.out_channels = width;
  entry.stride = stride;
  entry.activation = block.activation;
  if (block.squeeze_excite) entry.se_ratio = se_ratio;
  return entry;
}

int expand_stages(const Architecture& architecture, NetworkBuilder& builder, int last) {
  for (std::size_t s = 0; s < architecture.stages.size(); ++s) {
    const ArchitectureStage& stage = architecture.stages[s];
    for (std::size_t b = 0; b < stage.blocks.size(); ++b) {
      const Block block = block_entry(stage.blocks[b], block_name(s, b), stage.width,
                                      b == 0 ? stage.stride : 1, architecture.se_ratio);
      last = expand_block(builder, block, last);
    }
  }
  return last;
}

Network build(const Architecture& architecture) {
  check_sizes(architecture);
  NetworkBuilder builder(architecture.name, architecture.input);
  int last = builder.add(stem_of(architecture));
  last = expand_stages(architecture, builder, last);
  last = builder.add(
      layer_of("head", Op::kConv2d, last, architecture.head_width, architecture.activation));
  last = builder.add(layer_of("pool", Op::kGlobalAvgPool, last, 0));
  builder.add(layer_of("classifier", Op::kFullyConnected, last, architecture.num_classes));
  return builder.build();
}

/// Whether the layer has no batch normalisation, which would replace the bias.
bool has_trained_bias(const Layer& layer) {
  const auto ends_in = [&](const std::string& end) {
    return layer.name.size() >= end.size() &&
           layer.name.compare(layer.name.size() - end.size(), end.size(), end) == 0;
  };
  return layer.op == Op::kFullyConnected || ends_in(".se_reduce") || ends_in(".se_expand");
}

}  // namespace

int Architecture::num_blocks() const {
  std::size_t sum = 0;
  for (const ArchitectureStage& stage : stages) sum += stage.blocks.size();
  return static_cast<int>(sum);
}

int squeeze_channels(double se_ratio, int in_channels) {
  return std::max(1, static_cast<int>(std::floor(se_ratio * in_channels)));
}

Network to_network(const Architecture& architecture) {
  try {
    return build(architecture);
  } catch (const LayerError& e) {
    throw InputError(fmt::format("architecture '{}': {}{}{}", architecture.name, e.key(),
                                 e.key().empty() ? "" : ": ", e.what()));
  }
}

std::int64_t num_trained_params(const Network& network) {
  std::int64_t sum = 0;
  for (const Layer& layer : network.layers) {
    if (!layer.has_weights()) continue;
    sum += layer.num_weights() + (has_trained_bias(layer) ? 1 : 2) * layer.ofm.channels;
  }
  return sum;
}

std::int64_t num_trained_params(const Architecture& architecture) {
  return num_trained_params(to_network(architecture));
}

std::int64_t num_block_params(const ArchitectureBlock& block, int in_channels, int out_channels,
                              double se_ratio) {
  NetworkBuilder builder("block", {in_channels, 1, 1});
  expand_block(builder, block_entry(block, "block", out_channels, 1, se_ratio), kNetworkInput);
  return num_trained_params(builder.build());
}

}  // namespace tilewake
