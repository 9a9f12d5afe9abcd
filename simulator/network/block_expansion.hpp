// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "simulator/network/network_builder.hpp"

namespace tilewake {

enum class BlockKind { kMbconv, kConvblock };

/// What an `mbconv` or `convblock` entry says.
struct Block {
  BlockKind kind = BlockKind::kMbconv;
  std::string name;
  std::vector<std::int64_t> kernels;           // one a branch, odd
  std::vector<std::int64_t> expansion_ratios;  // one a branch
  std::int64_t out_channels = 0;
  std::int64_t stride = 1;
  bool skip = true;  // add the input where the shapes allow it
  Activation activation = Activation::kRelu;
  double se_ratio = 0.0;                         // squeeze-and-excitation, mbconv only; 0 is none
  Activation se_activation = Activation::kRelu;  // of se_reduce; se_expand ends in a sigmoid
};

/// Appends the layers of `block` on `input` and returns the index of the last one. Their names are
/// the block's name, a dot, and:
///
///   mbconv     for each branch i `expand<i>` (1x1 to expansion_ratios[i] x in_channels; none in a
///              single branch of ratio 1) and `depthwise<i>` (with the stride); `concat` of several
///              branches; `se_pool`, `se_reduce` (to max(1, floor(se_ratio x in_channels))),
///              `se_expand`, `se_scale`; `project` (1x1, linear)
///   convblock  `expand` (k x k with the stride, to expansion_ratio x in_channels; one branch),
///              `project`
///   both       `add` of the input and the projection when stride is 1, the channels agree and skip
///              is set
///
/// The order is branch by branch, not all expansions first: fewer feature maps are alive at a time.
/// Source: Sandler et al., "MobileNetV2", CVPR 2018, figure 3(d); branches: Tan, Le, "MixConv",
/// BMVC 2019; squeeze-and-excitation: Tan, Le, "EfficientNet", ICML 2019.
int expand_block(NetworkBuilder& builder, const Block& block, int input);

}  // namespace tilewake
