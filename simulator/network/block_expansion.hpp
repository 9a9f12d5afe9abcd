// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "simulator/network/network_builder.hpp"

namespace tilewake {

enum class BlockKind {
  kMbconv,
  kConvblock,
  kBasicBlock,
  kConvUnit,
  kSeparable,
  kShuffleUnit,
  kXceptionUnit
};

/// The kernel of a basic block's second convolution.
inline constexpr std::int64_t kBasicBlockKernel = 3;

/// Whether blocks of this kind have several branches, with expansion ratios.
constexpr bool has_expansion_ratios(BlockKind kind) {
  return kind == BlockKind::kMbconv || kind == BlockKind::kConvblock ||
         kind == BlockKind::kBasicBlock;
}

/// Whether blocks of this kind add their input to their output if the shapes allow it.
constexpr bool has_residual(BlockKind kind) {
  return has_expansion_ratios(kind) || kind == BlockKind::kConvUnit;
}

/// A network entry that expands to several layers.
struct Block {
  BlockKind kind = BlockKind::kMbconv;
  std::string name;
  std::vector<std::int64_t> kernels;           // one per branch, odd
  std::vector<std::int64_t> expansion_ratios;  // one per branch; has_expansion_ratios() only
  std::int64_t out_channels = 0;
  std::int64_t stride = 1;
  bool skip = true;  // add the input if the shapes allow it; has_residual() only
  Activation activation = Activation::kRelu;
  double se_ratio = 0.0;                         // squeeze-and-excitation; 0: none
  Activation se_activation = Activation::kRelu;  // of se_reduce; se_expand ends in a sigmoid
};

/// Appends the layers of `block` on `input` and returns the index of the last one. A layer's name
/// is the block's name, a dot, and:
///
///   mbconv     for each branch i `expand<i>` (1x1 to expansion_ratios[i] x in_channels; none in a
///              single branch of ratio 1) and `depthwise<i>` (with the stride); `concat` of several
///              branches; `se_pool`, `se_reduce` (to max(1, floor(se_ratio x in_channels))),
///              `se_expand`, `se_scale`; `project` (1x1, linear)
///   convblock  for each branch i `expand<i>` (k x k with the stride, to expansion_ratios[i] x
///              in_channels; `expand` of a single branch); `concat` of several branches;
///              squeeze-and-excitation; `project` (1x1, linear)
///   basic_block  for each branch i `expand<i>` as in convblock, but to expansion_ratios[i] x
///              out_channels; squeeze-and-excitation; `project` (3x3, linear)
///   conv_unit  `conv` (k x k with the stride, to out_channels), squeeze-and-excitation
///   these four  `add` of the input and the result when stride is 1, the channels agree and skip
///              is set
///   separable  `depthwise` (with the stride), squeeze-and-excitation, `pointwise` (1x1), both with
///              the activation; nothing is added
///   shuffle_unit, with an even number of output channels. With stride 1 and equal channels, the
///              branch reads the second half of the input, `work`, and the first half, `keep`,
///              bypasses it. Otherwise the branch reads the whole input, and the first half of the
///              output is `side_depthwise` (with the stride, linear), `side_project` (1x1). The
///              branch is `reduce` (1x1 to half the output channels), `depthwise` (with the stride,
///              linear), `expand` (1x1), squeeze-and-excitation. Then `concat` of both halves and
///              `shuffle` of two groups.
///   xception_unit  the same, but its branch is three times `depthwise<i>` (the first with the
///              stride, linear) and `pointwise<i>` (1x1 to half the output channels)
///
/// The order is branch by branch: fewer feature maps are live at a time than with all expansions
/// first.
/// Sources: Sandler et al., "MobileNetV2", CVPR 2018, figure 3(d); branches: Tan, Le, "MixConv",
/// BMVC 2019; squeeze-and-excitation: Tan, Le, "EfficientNet", ICML 2019; separable: Howard et al.,
/// "MobileNets", arXiv:1704.04861, figure 3; convblock and conv_unit: the fused MBConv of Tan, Le,
/// "EfficientNetV2", ICML 2021, figure 2, with an expansion and without; basic_block: He et
/// al., "Deep Residual Learning", CVPR 2016, figure 5, without an activation after the addition, as
/// the other blocks; shuffle_unit: Ma et al.,
/// "ShuffleNet V2", ECCV 2018, figure 3(c), (d); xception_unit: Guo et al., "Single Path One-Shot",
/// ECCV 2020, figure 3.
int expand_block(NetworkBuilder& builder, const Block& block, int input);

}  // namespace tilewake
