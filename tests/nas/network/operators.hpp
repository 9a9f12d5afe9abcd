// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "nas/space/architecture.hpp"

namespace tilewake {

inline ArchitectureBlock block_of(BlockOp op, int kernel, int expansion_ratio = 1,
                                  bool squeeze_excite = false) {
  ArchitectureBlock block;
  block.op = op;
  block.branches = {{kernel, expansion_ratio}};
  block.squeeze_excite = squeeze_excite;
  return block;
}

/// The pool of a one-shot search: 16 operators, each with and without squeeze-and-excitation.
inline std::vector<ArchitectureBlock> operator_pool() {
  std::vector<ArchitectureBlock> pool;
  for (const bool squeeze_excite : {false, true}) {
    for (const int kernel : {3, 5, 7}) {
      pool.push_back(block_of(BlockOp::kShuffleUnit, kernel, 1, squeeze_excite));
      pool.push_back(block_of(BlockOp::kSeparable, kernel, 1, squeeze_excite));
      for (const int ratio : {1, 3, 6})
        pool.push_back(block_of(BlockOp::kMixConv, kernel, ratio, squeeze_excite));
    }
    pool.push_back(block_of(BlockOp::kXceptionUnit, 3, 1, squeeze_excite));
  }
  return pool;
}

/// A network of one block on `in` channels of 7 x 6 pixels.
inline Architecture one_block_network(const ArchitectureBlock& block, int in, int out, int stride) {
  Architecture a;
  a.name = "one";
  a.input = {2, 7, 6};
  a.num_classes = 4;
  a.stem_width = in;
  a.head_width = 10;
  a.activation = Activation::kHswish;
  ArchitectureStage stage;
  stage.width = out;
  stage.stride = stride;
  stage.blocks = {block};
  a.stages = {stage};
  return a;
}

/// Every operator, with and without a stride and a change of width, once with each activation.
inline std::vector<Architecture> one_block_networks() {
  const std::vector<std::pair<int, int>> widths = {{8, 8}, {5, 8}, {8, 6}};
  std::vector<Architecture> all;
  for (ArchitectureBlock block : operator_pool()) {
    for (const auto& [in, out] : widths) {
      for (const int stride : {1, 2}) {
        block.activation = all.size() % 2 == 0 ? Activation::kRelu : Activation::kHswish;
        all.push_back(one_block_network(block, in, out, stride));
      }
    }
  }
  return all;
}

}  // namespace tilewake
