// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "nas/space/operator.hpp"
#include "tests/support/random.hpp"

namespace tilewake {

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
  for (const Operator& op : operator_pool()) {
    if (op.is_identity()) continue;
    for (const auto& [in, out] : widths) {
      for (const int stride : {1, 2}) {
        const Activation activation = all.size() % 2 == 0 ? Activation::kRelu : Activation::kHswish;
        all.push_back(one_block_network(block_of(op, activation), in, out, stride));
      }
    }
  }
  return all;
}

/// These, and a dozen of two stages of three blocks of any operators.
inline std::vector<Architecture> operator_networks() {
  std::vector<Architecture> all = one_block_networks();
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    Random random(seed);
    Architecture a = one_block_network({}, 6, 8, 1);
    a.stages[0].blocks.clear();
    a.stages.push_back({10, 2, {}});
    for (ArchitectureStage& stage : a.stages) {
      while (stage.blocks.size() < 3) {
        const Operator& op = random.pick(operator_pool());
        if (!op.is_identity()) stage.blocks.push_back(block_of(op, Activation::kRelu));
      }
    }
    all.push_back(a);
  }
  for (const bool squeeze_excite : {false, true}) {  // of two branches, and what no operator is
    all.push_back(one_block_network(
        {{{3, 2}, {5, 1}}, Activation::kRelu, squeeze_excite, BlockOp::kFused}, 8, 8, 1));
    for (const int stride : {1, 2}) {
      for (const std::vector<MixBranch>& branches :
           {std::vector<MixBranch>{{3, 1}}, std::vector<MixBranch>{{3, 1}, {5, 2}}}) {
        all.push_back(one_block_network(
            {branches, Activation::kRelu, squeeze_excite, BlockOp::kBasic}, 6, 8, stride));
      }
    }
    all.push_back(
        one_block_network({{{3, 1}}, Activation::kRelu, squeeze_excite, BlockOp::kBasic}, 8, 8, 1));
  }
  return all;
}

}  // namespace tilewake
