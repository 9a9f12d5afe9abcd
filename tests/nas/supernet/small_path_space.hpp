// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "nas/supernet/path_supernet.hpp"
#include "tests/nas/network/operators.hpp"
#include "tests/support/random.hpp"

namespace tilewake {

/// Two stages of two blocks on 8x8 images of one channel, with four operators per position, of
/// which one of the last position is the identity.
inline OperatorSpace small_path_space() {
  OperatorSpace space;
  space.name = "path";
  space.input = {1, 8, 8};
  space.num_classes = 5;
  space.stem_width = 6;
  space.head_width = 12;
  const std::vector<Operator>& pool = operator_pool();
  std::size_t next = 0;
  for (const int width : {6, 8}) {
    OperatorStage stage{width, width == 8 ? 2 : 1, {{}, {}}};
    for (std::vector<Operator>& block : stage.blocks) {
      // 9 and the 49 of the pool have no common factor: 16 different ones, of every kind, and not
      // the identity.
      for (int c = 0; c < 4; ++c) block.push_back(pool[(next++ * 9) % pool.size()]);
    }
    space.stages.push_back(stage);
  }
  space.stages.back().blocks.back().back() = kIdentity;
  return space;
}

inline OperatorPath random_path(const OperatorSpace& space, Random& random) {
  OperatorPath path;
  for (const OperatorPosition& position : positions_of(space))
    path.push_back(static_cast<int>(random.below(position.operators.size())));
  return path;
}

/// Whether a parameter or buffer named `key` belongs to a block of `path` or to what all share.
inline bool is_of_path(const std::string& key, const std::vector<int>& path) {
  if (key.rfind("block", 0) != 0) return true;
  for (std::size_t p = 0; p < path.size(); ++p) {
    if (key.rfind("block" + std::to_string(p) + "_" + std::to_string(path[p]) + ".", 0) == 0)
      return true;
  }
  return false;
}

}  // namespace tilewake
